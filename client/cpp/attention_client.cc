// The client over gRPC: one channel, deadlines, retries, size limits.
#include "client/cpp/attention_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "attention/v1/attention.grpc.pb.h"
#include "client/cpp/attend_message.h"
#include "client/cpp/message_slices.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

// Attend goes out as pieces and comes back as a message.
using AttendStub =
    grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::AttendResponse>;
constexpr char kAttendMethod[] = "/attention.v1.AttentionService/Attend";

// An answer can be a thousand times its request; gRPC takes no more.
constexpr int kAnySize = -1;
// A lost server is tried again this soon, and at least this often.
constexpr int kMinReconnectMs = 100;
constexpr int kMaxReconnectMs = 2000;

// What may be under way to this client: 300 MB/s at 50 ms of delay.
constexpr int kWindowBytes = 16 << 20;

// Retries stop while most calls fail (retryThrottling), so that they cannot
// keep an overloaded server down.
std::string ServiceConfig(int max_attempts) {
  const std::string retry_policy =
      max_attempts < 2
          ? ""
          : absl::StrCat(R"(,"retryPolicy":{"maxAttempts":)", max_attempts,
                         R"(,"initialBackoff":"0.05s",)"
                         R"("maxBackoff":"1s",)"
                         R"("backoffMultiplier":2,)"
                         R"("retryableStatusCodes":)"
                         R"(["UNAVAILABLE","RESOURCE_EXHAUSTED"]})");
  return absl::StrCat(
      R"({"loadBalancingConfig":[{"round_robin":{}}],)"
      R"("methodConfig":[{"name":[{"service":"attention.v1.AttentionService"}])",
      retry_policy,
      R"(}],"retryThrottling":{"maxTokens":100,"tokenRatio":0.1}})");
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ClientOptions& options) {
  grpc::ChannelArguments args;
  args.SetServiceConfigJSON(ServiceConfig(options.max_attempts));
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, options.max_attempts > 1 ? 1 : 0);
  // By default a request over 256 KiB is never retried.
  args.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE,
              std::numeric_limits<int>::max());
  // Otherwise all clients of a process share one connection.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // Probing for bandwidth now and then holds an answer of megabytes back for
  // ten seconds (gRPC 1.51); a fixed window serves fast and far links alike.
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  args.SetMaxReceiveMessageSize(kAnySize);
  args.SetMaxSendMessageSize(kAnySize);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(),
                                   args);
}

absl::Status CheckTimeout(milliseconds timeout) {
  // 30 days: far from where adding to the present overflows.
  constexpr milliseconds kMax = std::chrono::hours(24 * 30);
  if (timeout < milliseconds(1) || timeout > kMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout is ", timeout.count(), " ms, allowed is 1 to ",
                     kMax.count(), " ms"));
  }
  return absl::OkStatus();
}

}  // namespace

// Owns the channel and knows the calls in flight.
class Client::Impl {
 public:
  Impl(const std::string& target, const ClientOptions& options)
      : target_(target),
        options_(options),
        channel_(MakeChannel(target, options)),
        stub_(v1::AttentionService::NewStub(channel_)),
        attend_stub_(channel_) {}

  ~Impl() {
    std::unique_lock lock(mutex_);
    for (const auto& [rpc, owned] : in_flight_) {
      rpc->limits_context.TryCancel();
      rpc->context.TryCancel();
    }
    changed_.wait(lock, [this] { return unfinished_ == 0; });
  }

  void AttendAsync(const AttendCall& call, AttendDone done);

  void LearnLimits(const v1::Limits& limits) {
    const std::int64_t bytes = limits.max_request_bytes();
    max_request_bytes_ = bytes > 0 ? bytes : std::numeric_limits<int>::max();
  }

  // Runs one of the stub's blocking methods.
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::AttentionService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + options_.timeout);
    return ToAbsl(((*stub_).*method)(&context, request, response),
                  options_.timeout);
  }

 private:
  // One Attend on its way.
  struct AttendRpc {
    milliseconds timeout{};
    system_clock::time_point deadline{};
    std::size_t bytes = 0;
    grpc::ByteBuffer request{};
    std::shared_ptr<v1::AttendResponse> response =
        std::make_shared<v1::AttendResponse>();
    AttendDone done{};
    grpc::ClientContext context{};
    // For asking the limits first.
    grpc::ClientContext limits_context{};
    v1::GetServerInfoRequest limits_request{};
    v1::GetServerInfoResponse limits{};
  };
  // True once the size is known to be within the server's limit.
  bool Fits(std::size_t bytes) const {
    const std::int64_t limit = max_request_bytes_.load();
    return limit >= 0 && bytes <= static_cast<std::uint64_t>(limit);
  }

  void AskLimits(AttendRpc* rpc);
  void OnLimits(AttendRpc* rpc, const grpc::Status& status);
  void Send(AttendRpc* rpc);
  void Finish(AttendRpc* rpc, absl::StatusOr<AttendResult> result);
  absl::Status ToAbsl(const grpc::Status& status, milliseconds timeout) const;

  const std::string target_;
  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::AttentionService::Stub> stub_;
  AttendStub attend_stub_;
  // -1 until the server has said; without a limit the largest message.
  std::atomic<std::int64_t> max_request_bytes_{-1};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<AttendRpc*, std::unique_ptr<AttendRpc>> in_flight_;
  // Calls in flight and those whose state is being destroyed.
  int unfinished_ = 0;
};

void Client::Impl::AttendAsync(const AttendCall& call, AttendDone done) {
  const milliseconds timeout = call.timeout.value_or(options_.timeout);
  if (absl::Status status = CheckTimeout(timeout); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  auto pieces = SerializeAttendCall(call);
  if (!pieces.ok()) {
    std::move(done)(pieces.status());
    return;
  }
  auto owned = std::make_unique<AttendRpc>();
  AttendRpc* rpc = owned.get();
  rpc->timeout = timeout;
  rpc->deadline = system_clock::now() + timeout;
  const std::vector<grpc::Slice> slices = ToSlices(*pieces);
  rpc->request = grpc::ByteBuffer(slices.data(), slices.size());
  rpc->bytes = rpc->request.Length();
  rpc->done = std::move(done);
  {
    std::lock_guard lock(mutex_);
    in_flight_.emplace(rpc, std::move(owned));
    ++unfinished_;
  }
  // What does not fit is asked for again: the server may have been restarted
  // with another limit.
  if (Fits(rpc->bytes)) {
    Send(rpc);
  } else {
    AskLimits(rpc);
  }
}

void Client::Impl::AskLimits(AttendRpc* rpc) {
  rpc->limits_context.set_deadline(rpc->deadline);
  stub_->async()->GetServerInfo(
      &rpc->limits_context, &rpc->limits_request, &rpc->limits,
      [this, rpc](const grpc::Status& status) { OnLimits(rpc, status); });
}

void Client::Impl::OnLimits(AttendRpc* rpc, const grpc::Status& status) {
  if (!status.ok()) {
    Finish(rpc, ToAbsl(status, rpc->timeout));
    return;
  }
  LearnLimits(rpc->limits.limits());
  if (!Fits(rpc->bytes)) {
    Finish(rpc, absl::InvalidArgumentError(absl::StrCat(
                    "the request has ", rpc->bytes, " bytes, server ", target_,
                    " takes max_request_bytes = ", max_request_bytes_.load(),
                    "; send fewer sequences at once or raise its limit")));
    return;
  }
  Send(rpc);
}

void Client::Impl::Send(AttendRpc* rpc) {
  rpc->context.set_deadline(rpc->deadline);
  attend_stub_.UnaryCall(&rpc->context, kAttendMethod, grpc::StubOptions(),
                         &rpc->request, rpc->response.get(),
                         [this, rpc](const grpc::Status& status) {
                           if (status.ok()) {
                             Finish(rpc, ToAttendResult(rpc->response));
                           } else {
                             Finish(rpc, ToAbsl(status, rpc->timeout));
                           }
                         });
}

void Client::Impl::Finish(AttendRpc* rpc, absl::StatusOr<AttendResult> result) {
  std::move(rpc->done)(std::move(result));
  std::unique_lock lock(mutex_);
  auto finished = in_flight_.extract(rpc);
  lock.unlock();
  // Without the lock: the deleter of an owner may call the client.
  finished = {};
  lock.lock();
  // A context holds the channel, and gRPC cannot end a channel on the thread
  // that we are on: only now may the destructor go on.
  --unfinished_;
  changed_.notify_all();
}

absl::Status Client::Impl::ToAbsl(const grpc::Status& status,
                                  milliseconds timeout) const {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // gRPC's own message says neither where nor how long.
  if (code == absl::StatusCode::kDeadlineExceeded &&
      status.error_message() == "Deadline Exceeded") {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer from ", target_, " within ", timeout.count(),
                     " ms; raise the timeout or send less"));
  }
  return {code, status.error_message()};
}

absl::StatusOr<Client> Client::Connect(const std::string& target,
                                       const ClientOptions& options) {
  if (target.empty()) {
    return absl::InvalidArgumentError(
        "the target is empty; name a server as host:port");
  }
  if (options.max_attempts < 1 || options.max_attempts > 5) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_attempts is ", options.max_attempts, ", allowed is 1 to 5"));
  }
  if (absl::Status status = CheckTimeout(options.timeout); !status.ok()) {
    return status;
  }
  return Client(std::make_unique<Impl>(target, options));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::AttendAsync(const AttendCall& call, AttendDone done) {
  impl_->AttendAsync(call, std::move(done));
}

absl::StatusOr<AttendResult> Client::Attend(const AttendCall& call) {
  std::promise<absl::StatusOr<AttendResult>> promise;
  auto future = promise.get_future();
  // The callback owns the promise: it may still be inside set_value when this
  // function returns.
  impl_->AttendAsync(call, [promise = std::move(promise)](
                               absl::StatusOr<AttendResult> result) mutable {
    promise.set_value(std::move(result));
  });
  return future.get();
}

absl::StatusOr<std::vector<ModelInfo>> Client::ListModels() {
  v1::ListModelsResponse response;
  if (absl::Status status = impl_->Call(&v1::AttentionService::Stub::ListModels,
                                        v1::ListModelsRequest(), &response);
      !status.ok()) {
    return status;
  }
  std::vector<ModelInfo> models;
  models.reserve(response.models_size());
  for (const v1::Model& model : response.models()) {
    models.push_back(ToModelInfo(model));
  }
  return models;
}

absl::StatusOr<ModelInfo> Client::GetModel(const std::string& name) {
  v1::GetModelRequest request;
  request.set_name(name);
  v1::GetModelResponse response;
  if (absl::Status status = impl_->Call(&v1::AttentionService::Stub::GetModel,
                                        request, &response);
      !status.ok()) {
    return status;
  }
  return ToModelInfo(response.model());
}

absl::StatusOr<ServerInfo> Client::GetServerInfo() {
  v1::GetServerInfoResponse response;
  if (absl::Status status =
          impl_->Call(&v1::AttentionService::Stub::GetServerInfo,
                      v1::GetServerInfoRequest(), &response);
      !status.ok()) {
    return status;
  }
  impl_->LearnLimits(response.limits());
  return ToServerInfo(response);
}

}  // namespace attention
