// What a large answer costs on its way: attention weights of 200 MB from the
// real server, over loopback gRPC and through shared memory, against a server
// of the same gRPC that sends as many bytes and computes nothing. In one run,
// turn by turn.
//
//   wire_bench [SECONDS_A_TURN] [TURNS]
//
// $ATTENTION_SERVER_BINARY is the path of the server's binary.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "inference/grpc_service.grpc.pb.h"
#include "tests/support/server_process.h"

namespace attention {
namespace {

using Seconds = std::chrono::duration<double>;
using inference::ModelInferRequest;

constexpr std::int64_t kTokens = 2048;
constexpr std::int64_t kEmbedDim = 384;
constexpr std::int64_t kHeads = 12;
constexpr std::int64_t kQueriesBytes = kTokens * kEmbedDim * 4;
constexpr std::int64_t kWeightsBytes = kHeads * kTokens * kTokens * 4;
constexpr std::int64_t kAnswerBytes = kQueriesBytes + kWeightsBytes;
constexpr char kMethod[] = "/inference.GRPCInferenceService/ModelInfer";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "wire_bench: %s\n", what.c_str());
  // Other threads are inside gRPC.
  std::_Exit(1);
}

// -- A server that sends kAnswerBytes and computes nothing ------------------

class EchoCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit EchoCall(const grpc::ByteBuffer& answer) : answer_(answer) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartWriteAndFinish(&answer_, {}, grpc::Status::OK);
  }

  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  const grpc::ByteBuffer answer_;
};

class EchoService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext*) override {
    return new EchoCall(answer_);
  }

 private:
  const grpc::Slice slice_{
      std::string(static_cast<std::size_t>(kAnswerBytes), 'a')};
  const grpc::ByteBuffer answer_{&slice_, 1};
};

// Serves until `parent` is closed, and says its port there.
void ServeEcho(int port_to, int parent) {
  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(&service);
  const auto server = builder.BuildAndStart();
  char byte = 0;
  if (write(port_to, &port, sizeof(port)) == sizeof(port)) {
    while (read(parent, &byte, 1) > 0) {
    }
  }
  std::_Exit(0);
}

// A process of its own, so that both servers are; made before gRPC starts.
class EchoServer {
 public:
  EchoServer() {
    int port[2];
    int life[2];
    if (pipe(port) != 0 || pipe(life) != 0) Die("no pipe can be made");
    pid_ = fork();
    if (pid_ == 0) {
      close(life[1]);
      ServeEcho(port[1], life[0]);
    }
    close(life[0]);
    close(port[1]);
    life_ = life[1];
    if (read(port[0], &port_, sizeof(port_)) != sizeof(port_)) {
      Die("the echo server did not start");
    }
    close(port[0]);
  }

  ~EchoServer() {
    close(life_);
    waitpid(pid_, nullptr, 0);
  }

  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  pid_t pid_ = -1;
  int life_ = -1;
  int port_ = 0;
};

// -- The client -------------------------------------------------------------

// A shared memory object and its mapping.
class SharedObject {
 public:
  SharedObject(const char* what, std::int64_t bytes)
      : key_("/wire-bench-" + std::to_string(getpid()) + "-" + what),
        bytes_(bytes) {
    const int file = shm_open(key_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    if (file < 0 || ftruncate(file, bytes) != 0) Die("no shared memory");
    data_ =
        static_cast<char*>(mmap(nullptr, static_cast<std::size_t>(bytes),
                                PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    close(file);
    if (data_ == MAP_FAILED) Die("shared memory cannot be mapped");
  }

  ~SharedObject() {
    munmap(data_, static_cast<std::size_t>(bytes_));
    shm_unlink(key_.c_str());
  }

  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;

  const std::string& key() const { return key_; }
  std::int64_t bytes() const { return bytes_; }
  char* data() { return data_; }

 private:
  const std::string key_;
  const std::int64_t bytes_;
  char* data_ = nullptr;
};

std::string RandomQueries() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::string bytes(static_cast<std::size_t>(kQueriesBytes), '\0');
  auto* const values = reinterpret_cast<float*>(bytes.data());
  std::generate_n(values, kTokens * kEmbedDim, [&] { return normal(random); });
  return bytes;
}

ModelInferRequest RequestWithoutTensors() {
  ModelInferRequest request;
  request.set_model_name("minilm/0@weights");
  ModelInferRequest::InferInputTensor& queries = *request.add_inputs();
  queries.set_name("queries");
  queries.set_datatype("FP32");
  for (const std::int64_t dim : {std::int64_t{1}, kTokens, kEmbedDim}) {
    queries.add_shape(dim);
  }
  request.add_outputs()->set_name("contexts");
  request.add_outputs()->set_name("attn_weights");
  return request;
}

template <typename Tensor>
void UseRegion(const std::string& region, std::int64_t bytes, Tensor& tensor) {
  auto& parameters = *tensor.mutable_parameters();
  parameters["shared_memory_region"].set_string_param(region);
  parameters["shared_memory_byte_size"].set_int64_param(bytes);
}

grpc::ByteBuffer ToBuffer(const ModelInferRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Connections of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// One call; the bytes of its answer.
std::int64_t Call(grpc::GenericStub& stub, const grpc::ByteBuffer& request) {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, kMethod, request, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, &answer);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) Die(status.error_message());
  return static_cast<std::int64_t>(answer.Length());
}

struct Way {
  const char* name;
  std::shared_ptr<grpc::Channel> channel;
  grpc::ByteBuffer request;
  std::int64_t least_answer_bytes;
  std::vector<double> megabytes_per_second{};
};

// Megabytes of tensors a second, `in_flight` calls at a time.
double Turn(const Way& way, int in_flight, Seconds length) {
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> calls = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < in_flight; ++i) {
      threads.emplace_back([&] {
        grpc::GenericStub stub(way.channel);
        while (std::chrono::steady_clock::now() - start < length) {
          if (Call(stub, way.request) < way.least_answer_bytes) {
            Die("an answer is too short");
          }
          ++calls;
        }
      });
    }
  }
  const Seconds elapsed = std::chrono::steady_clock::now() - start;
  return calls * static_cast<double>(kAnswerBytes) / 1e6 / elapsed.count();
}

void Register(const std::shared_ptr<grpc::Channel>& channel,
              const std::string& name, const SharedObject& object) {
  const auto stub = inference::GRPCInferenceService::NewStub(channel);
  inference::SystemSharedMemoryRegisterRequest request;
  request.set_name(name);
  request.set_key(object.key());
  request.set_byte_size(static_cast<std::uint64_t>(object.bytes()));
  inference::SystemSharedMemoryRegisterResponse response;
  grpc::ClientContext context;
  const grpc::Status status =
      stub->SystemSharedMemoryRegister(&context, request, &response);
  if (!status.ok()) Die(status.error_message());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The rate of `all` without the time that `part` takes of it.
double Without(double all, double part) { return 1 / (1 / all - 1 / part); }

// The whole comparison with so many calls at a time: an echo, the server, and
// the server computing the same but sending nothing.
void Compare(std::vector<Way> ways, int in_flight, Seconds length, int turns) {
  std::printf("\n%d at a time%6s", in_flight, "");
  for (const Way& way : ways) std::printf(" %22s", way.name);
  std::printf("\n");
  for (const Way& way : ways) Turn(way, in_flight, Seconds(0.1));
  for (int turn = 1; turn <= turns; ++turn) {
    std::printf("turn %-12d", turn);
    for (Way& way : ways) {
      way.megabytes_per_second.push_back(Turn(way, in_flight, length));
      std::printf(" %17.0f MB/s", way.megabytes_per_second.back());
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  const double echo = Median(ways[0].megabytes_per_second);
  std::printf("of the echo's    ");
  for (const Way& way : ways) {
    std::printf(" %20.0f %%", 100 * Median(way.megabytes_per_second) / echo);
  }
  const double wire = Without(Median(ways[1].megabytes_per_second),
                              Median(ways[2].megabytes_per_second));
  std::printf(
      "\nServer, gRPC, without the time of the computation (which is what "
      "shared\nmemory takes): %.0f MB/s, %.0f %% of the echo's\n",
      wire, 100 * wire / echo);
}

void Run(Seconds length, int turns) {
  const EchoServer echo;
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string address = server.WaitForAddress();
  if (address.empty()) Die("the server did not become ready");
  const auto channel = Connect(address);

  const std::string queries = RandomQueries();
  ModelInferRequest by_wire = RequestWithoutTensors();
  by_wire.add_raw_input_contents(queries);

  SharedObject inputs("inputs", kQueriesBytes);
  SharedObject contexts("contexts", kQueriesBytes);
  SharedObject weights("weights", kWeightsBytes);
  std::copy(queries.begin(), queries.end(), inputs.data());
  Register(channel, "inputs", inputs);
  Register(channel, "contexts", contexts);
  Register(channel, "weights", weights);
  ModelInferRequest by_memory = RequestWithoutTensors();
  UseRegion("inputs", kQueriesBytes, *by_memory.mutable_inputs(0));
  UseRegion("contexts", kQueriesBytes, *by_memory.mutable_outputs(0));
  UseRegion("weights", kWeightsBytes, *by_memory.mutable_outputs(1));

  const std::vector<Way> ways = {
      {"echo, no computation", Connect(echo.address()), ToBuffer(by_wire),
       kAnswerBytes},
      {"server, gRPC", channel, ToBuffer(by_wire), kAnswerBytes},
      {"server, shared memory", channel, ToBuffer(by_memory), 1}};
  std::printf(
      "contexts and attention weights of %lld tokens: %.0f MB an answer\n",
      static_cast<long long>(kTokens), static_cast<double>(kAnswerBytes) / 1e6);
  for (const int in_flight : {1, 2}) Compare(ways, in_flight, length, turns);
}

}  // namespace
}  // namespace attention

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  const int turns = argc > 2 ? std::atoi(argv[2]) : 5;
  attention::Run(attention::Seconds(seconds), turns);
}
