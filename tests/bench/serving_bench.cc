// What serving costs: the real server over loopback gRPC against the bare
// engine, in one run, turn by turn.
//
//   serving_bench [SECONDS_A_TURN] [TURNS]
//
// $ATTENTION_SERVER_BINARY is the path of the server's binary.
//
// Four clients send batches of B8 S128 E768 f32 and want contexts back. The
// clients and the server share the machine; the engine has it to itself.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "client/cpp/attention_client.h"
#include "core/attention/isa.h"
#include "core/base/cpu.h"
#include "core/tensor/safetensors.h"
#include "tests/bench/layer_workload.h"
#include "tests/support/server_process.h"

namespace attention {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr int kClients = 4;
constexpr LayerShape kShape = {
    .batch = 8, .length = 128, .embed_dim = 768, .num_heads = 12};

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "serving_bench: %s\n", status.ToString().c_str());
  // Worker threads come here too, while others are inside gRPC.
  std::_Exit(1);
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Writes the weights as a state dict of torch.nn.MultiheadAttention.
void WriteModel(const Model& model, const std::string& path) {
  const ProjectionWeights& weights = model.weights();
  std::map<std::string, TensorView, std::less<>> tensors = {
      {"q_proj_weight", weights.q_proj.weight},
      {"k_proj_weight", weights.k_proj.weight},
      {"v_proj_weight", weights.v_proj.weight},
      {"out_proj.weight", weights.out_proj.weight},
      {"out_proj.bias", weights.out_proj.bias},
  };
  std::vector<std::byte> bias;
  for (const LinearWeights* linear :
       {&weights.q_proj, &weights.k_proj, &weights.v_proj}) {
    bias.insert(bias.end(), linear->bias.data,
                linear->bias.data + linear->bias.shape[0] * 4);
  }
  tensors["in_proj_bias"] = {.shape = {3 * model.embed_dim()},
                             .data = bias.data()};
  std::ofstream(path, std::ios::binary) << SerializeSafetensors(
      tensors, {{"num_heads", std::to_string(model.spec().num_heads)}});
}

struct Turn {
  double requests_per_second = 0;
  double server_cores = 0;
  double client_cores = 0;
};

// Keeps `kClients` requests in flight in the engine.
Turn RunEngine(Engine& engine, std::vector<LayerWorkload>& workloads,
               Seconds length) {
  const double cpu = OwnCpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> requests = 0;
  {
    std::vector<std::jthread> clients;
    for (LayerWorkload& workload : workloads) {
      clients.emplace_back([&] {
        while (std::chrono::steady_clock::now() - start < length) {
          workload.Run(engine);
          ++requests;
        }
      });
    }
  }
  const Seconds elapsed = std::chrono::steady_clock::now() - start;
  return {.requests_per_second = requests / elapsed.count(),
          .server_cores = (OwnCpuSeconds() - cpu) / elapsed.count()};
}

// The same through gRPC.
Turn RunServer(const ServerProcess& server, std::vector<Client>& clients,
               const Tensor& queries, Seconds length) {
  const double own_cpu = OwnCpuSeconds();
  const double server_cpu = server.CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> requests = 0;
  {
    std::vector<std::jthread> threads;
    for (Client& client : clients) {
      threads.emplace_back([&] {
        while (std::chrono::steady_clock::now() - start < length) {
          const auto result =
              client.Attend({.model = "random", .queries = queries});
          if (!result.ok()) Die(result.status());
          ++requests;
        }
      });
    }
  }
  const Seconds elapsed = std::chrono::steady_clock::now() - start;
  return {.requests_per_second = requests / elapsed.count(),
          .server_cores = (server.CpuSeconds() - server_cpu) / elapsed.count(),
          .client_cores = (OwnCpuSeconds() - own_cpu) / elapsed.count()};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Run(Seconds length, int turns) {
  std::string path = "/tmp/serving-bench-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) Die(absl::InternalError("no temporary file can be made"));
  close(file);
  std::vector<LayerWorkload> workloads;
  for (int i = 0; i < kClients; ++i) workloads.emplace_back(kShape);
  WriteModel(*workloads[0].model(), path);
  ServerProcess server({"--model=random=" + path, "--host=127.0.0.1",
                        "--grpc-port=0", "--http-port=-1",
                        "--metrics-port=-1"});
  const std::string target = server.WaitForAddress();
  if (target.empty()) {
    Die(absl::InternalError("the server did not become ready"));
  }
  auto engine = Engine::Create(EngineOptions());
  if (!engine.ok()) Die(engine.status());
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) {
    auto client = Client::Connect(target);
    if (!client.ok()) Die(client.status());
    clients.push_back(*std::move(client));
  }
  const Tensor queries = Tensor::Own(
      {kShape.batch, kShape.length, kShape.embed_dim}, workloads[0].queries());

  const Seconds warm_up(0.5);
  RunEngine(**engine, workloads, warm_up);
  RunServer(server, clients, queries, warm_up);
  std::printf("%s, %s, %d workers, %d clients\n",
              ReadCpuTopology().model_name.c_str(), IsaInUse().c_str(),
              (*engine)->options().num_workers, kClients);
  std::printf("%-6s %18s %18s %8s %14s %14s\n", "turn", "engine requests/s",
              "server requests/s", "ratio", "server cores", "client cores");
  std::vector<double> ratios;
  for (int turn = 1; turn <= turns; ++turn) {
    const Turn bare = RunEngine(**engine, workloads, length);
    const Turn served = RunServer(server, clients, queries, length);
    ratios.push_back(served.requests_per_second / bare.requests_per_second);
    std::printf("%-6d %18.1f %18.1f %8.3f %14.2f %14.2f\n", turn,
                bare.requests_per_second, served.requests_per_second,
                ratios.back(), served.server_cores, served.client_cores);
  }
  std::printf("median ratio %.3f\n", Median(ratios));
  unlink(path.c_str());
}

}  // namespace
}  // namespace attention

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  const int turns = argc > 2 ? std::atoi(argv[2]) : 5;
  attention::Run(attention::Seconds(seconds), turns);
}
