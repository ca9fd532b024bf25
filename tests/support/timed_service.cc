// A server whose times are known, to test what measures times.
#include "tests/support/timed_service.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.grpc.pb.h"
#include "core/base/mutex.h"
#include "tests/support/answer_stream.h"
#include "tests/support/attend_answers.h"
#include "tests/support/timer_thread.h"
#include "tests/support/virtual_servers.h"

namespace attention {
namespace {

using Base = v1::AttentionService::WithRawCallbackMethod_Attend<
    v1::AttentionService::WithCallbackMethod_AttendStream<
        v1::AttentionService::WithCallbackMethod_ListModels<
            v1::AttentionService::WithCallbackMethod_GetModel<
                v1::AttentionService::WithCallbackMethod_GetServerInfo<
                    v1::AttentionService::Service>>>>>;

// As in the server, so that large messages are as fast.
constexpr int kWindowBytes = 16 << 20;

// Until then calls may end by themselves when the server stops.
constexpr std::chrono::milliseconds kGrace{100};

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()),
          std::string(status.message())};
}

std::int64_t Microseconds(TimedService::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration)
      .count();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(
    const std::optional<TimedService::Tls>& tls) {
  if (!tls.has_value()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      tls->client_ca.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->client_ca;
  options.pem_key_cert_pairs.push_back({tls->private_key, tls->certificate});
  return grpc::SslServerCredentials(options);
}

bool Parse(const grpc::ByteBuffer& bytes, v1::AttendRequest* message) {
  grpc::ByteBuffer copy = bytes;
  grpc::ProtoBufferReader reader(&copy);
  return message->ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer ToByteBuffer(const v1::AttendResponse& response) {
  const grpc::Slice slice(response.SerializeAsString());
  return {&slice, 1};
}

grpc::ByteBuffer NullAnswer(int tokens) {
  v1::AttendRequest request;
  request.set_model("minilm/0");
  v1::Tensor* queries = request.mutable_queries();
  for (const std::int64_t dim : {1, tokens, 384}) queries->add_shape(dim);
  queries->mutable_data()->assign(
      static_cast<std::size_t>(tokens) * 384 * sizeof(float), '\0');
  return ToByteBuffer(*AnswerWithoutArithmetic(std::move(request)));
}

// A stream that ends before anything is read. Owns itself.
class RefusedStream final
    : public grpc::ServerBidiReactor<v1::AttendRequest,
                                     v1::AttendStreamResponse> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

v1::AttendStreamResponse StreamError(const std::string& id,
                                     const absl::Status& status) {
  v1::AttendStreamResponse response;
  response.mutable_error()->set_id(id);
  response.mutable_error()->set_code(status.raw_code());
  response.mutable_error()->set_message(std::string(status.message()));
  return response;
}

}  // namespace

class TimedService::Impl final : public Base {
 public:
  explicit Impl(Options options);
  ~Impl() override;

  grpc::ServerUnaryReactor* Attend(grpc::CallbackServerContext* rpc,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<v1::AttendRequest, v1::AttendStreamResponse>*
  AttendStream(grpc::CallbackServerContext* rpc) override;
  grpc::ServerUnaryReactor* ListModels(
      grpc::CallbackServerContext* rpc, const v1::ListModelsRequest* request,
      v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* rpc, const v1::GetServerInfoRequest* request,
      v1::GetServerInfoResponse* response) override;

  int port() const { return port_; }
  void Stall(Duration duration);
  void SetServing(bool serving);
  int call_count() const;
  std::vector<Call> calls() const;

 private:
  // A call that has arrived, and all that will come of it.
  struct Plan {
    int call = 0;
    TimePoint due{};
    absl::Status status{};
    v1::AttendResponse response{};  // unless the status is an error
  };
  using Answer = absl::AnyInvocable<void(const absl::Status&)>;

  // Records the call.
  Plan Arrive(v1::AttendRequest request);
  // Calls `answer` with the status of the plan when that is due.
  void AnswerWhenDue(const Plan& plan, Answer answer);
  void RecordAnswer(int call, absl::StatusCode code);
  void TakeFromStream(v1::AttendRequest request, AnswerStream* stream);
  // UNAUTHENTICATED without the token.
  grpc::Status CheckToken(const grpc::CallbackServerContext& rpc) const;

  const Options options_;
  const grpc::ByteBuffer null_answer_;
  std::atomic<int> null_calls_{0};
  std::atomic<bool> closing_{false};
  int port_ = 0;

  mutable Mutex mutex_;
  std::optional<VirtualServers> servers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Call> calls_ ABSL_GUARDED_BY(mutex_);

  // Its tasks use all of the above.
  TimerThread timer_;
  std::unique_ptr<grpc::Server> server_;
};

TimedService::Impl::Impl(Options options)
    : options_(std::move(options)),
      null_answer_(options_.null_tokens > 0 ? NullAnswer(options_.null_tokens)
                                            : grpc::ByteBuffer()) {
  if (options_.capacity.has_value()) {
    servers_.emplace(options_.capacity->servers, options_.capacity->queue);
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", Credentials(options_.tls), &port_);
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kWindowBytes);
  // Its counters are a tenth of the cost of an empty call.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ <= 0) {
    std::fputs("TimedService: the server does not start\n", stderr);
    std::exit(1);
  }
  SetServing(true);
}

TimedService::Impl::~Impl() {
  closing_ = true;
  timer_.RunAllNow();
  server_->Shutdown(std::chrono::system_clock::now() + kGrace);
}

TimedService::Impl::Plan TimedService::Impl::Arrive(v1::AttendRequest request) {
  Plan plan;
  Duration queued{0};
  Behaviour behaviour;
  {
    const MutexLock lock(mutex_);
    const TimePoint now = std::chrono::steady_clock::now();
    plan.call = static_cast<int>(calls_.size());
    calls_.push_back({.arrival = now});
    if (options_.script) behaviour = options_.script(plan.call);
    const std::optional<TimePoint> begin =
        servers_.has_value() ? servers_->Begin(now, behaviour.delay) : now;
    if (begin.has_value()) {
      queued = *begin - now;
      plan.due = *begin + behaviour.delay;
    } else {
      plan.due = now;
      behaviour.status = absl::ResourceExhaustedError(
          absl::StrCat("all servers are busy and ", options_.capacity->queue,
                       " calls wait; send fewer"));
    }
  }
  plan.status = std::move(behaviour.status);
  if (!plan.status.ok()) return plan;
  auto response = AnswerWithoutArithmetic(std::move(request));
  if (response.ok()) {
    plan.response = *std::move(response);
    v1::Timing* timing = plan.response.mutable_timing();
    timing->set_queue_us(Microseconds(queued));
    timing->set_compute_us(Microseconds(behaviour.delay));
  } else {
    plan.status = response.status();
  }
  return plan;
}

void TimedService::Impl::AnswerWhenDue(const Plan& plan, Answer answer) {
  timer_.RunAt(plan.due, [this, call = plan.call, status = plan.status,
                          answer = std::move(answer)]() mutable {
    if (closing_) status = absl::UnavailableError("the server is stopping");
    RecordAnswer(call, status.code());
    answer(status);
  });
}

void TimedService::Impl::RecordAnswer(int call, absl::StatusCode code) {
  const MutexLock lock(mutex_);
  Call& record = calls_[static_cast<std::size_t>(call)];
  record.answer = std::chrono::steady_clock::now();
  record.code = code;
}

grpc::Status TimedService::Impl::CheckToken(
    const grpc::CallbackServerContext& rpc) const {
  if (options_.token.empty()) return grpc::Status::OK;
  const auto found = rpc.client_metadata().find("authorization");
  if (found != rpc.client_metadata().end() &&
      found->second == absl::StrCat("Bearer ", options_.token)) {
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::UNAUTHENTICATED,
          "authorization: the token is missing or wrong"};
}

grpc::ServerUnaryReactor* TimedService::Impl::Attend(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  // One of our own would cost another thread for each call: gRPC calls its
  // OnDone there.
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  if (const grpc::Status status = CheckToken(*rpc); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  if (options_.null_tokens > 0) {
    null_calls_.fetch_add(1, std::memory_order_relaxed);
    *response = null_answer_;
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  v1::AttendRequest message;
  if (!Parse(*request, &message)) {
    reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT,
                     "the request is not an AttendRequest"});
    return reactor;
  }
  const Plan plan = Arrive(std::move(message));
  *response = ToByteBuffer(plan.response);
  AnswerWhenDue(plan, [reactor](const absl::Status& status) {
    reactor->Finish(ToGrpc(status));
  });
  return reactor;
}

void TimedService::Impl::TakeFromStream(v1::AttendRequest request,
                                        AnswerStream* stream) {
  const std::string id = request.id();
  Plan plan = Arrive(std::move(request));
  v1::AttendStreamResponse response;
  *response.mutable_response() = std::move(plan.response);
  AnswerWhenDue(plan, [stream, id, response = std::move(response)](
                          const absl::Status& status) mutable {
    stream->Answer(status.ok() ? std::move(response) : StreamError(id, status));
  });
}

grpc::ServerBidiReactor<v1::AttendRequest, v1::AttendStreamResponse>*
TimedService::Impl::AttendStream(grpc::CallbackServerContext* rpc) {
  if (const grpc::Status status = CheckToken(*rpc); !status.ok()) {
    return new RefusedStream(status);
  }
  return new AnswerStream(
      [this](v1::AttendRequest request, AnswerStream* stream) {
        TakeFromStream(std::move(request), stream);
      });
}

grpc::ServerUnaryReactor* TimedService::Impl::ListModels(
    grpc::CallbackServerContext* rpc, const v1::ListModelsRequest* /*request*/,
    v1::ListModelsResponse* response) {
  for (v1::Model& model : DescribeFakeModels()) {
    *response->add_models() = std::move(model);
  }
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(CheckToken(*rpc));
  return reactor;
}

grpc::ServerUnaryReactor* TimedService::Impl::GetModel(
    grpc::CallbackServerContext* rpc, const v1::GetModelRequest* request,
    v1::GetModelResponse* response) {
  grpc::Status status = CheckToken(*rpc);
  if (status.ok()) {
    const auto model = DescribeFakeModel(request->name());
    if (model.ok()) *response->mutable_model() = *model;
    status = ToGrpc(model.status());
  }
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::ServerUnaryReactor* TimedService::Impl::GetServerInfo(
    grpc::CallbackServerContext* rpc,
    const v1::GetServerInfoRequest* /*request*/,
    v1::GetServerInfoResponse* response) {
  response->set_version("0.0.0");
  response->set_cpu("none");
  response->set_isa("none");
  response->set_workers(
      options_.capacity.has_value() ? options_.capacity->servers : 1);
  response->add_compute_dtypes(v1::DTYPE_F32);
  v1::Limits* limits = response->mutable_limits();
  limits->set_max_request_bytes(std::numeric_limits<int>::max());
  limits->set_max_response_bytes(std::numeric_limits<int>::max());
  limits->set_max_queue_requests(
      options_.capacity.has_value() ? options_.capacity->queue : 0);
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(CheckToken(*rpc));
  return reactor;
}

void TimedService::Impl::Stall(Duration duration) {
  timer_.HoldUntil(std::chrono::steady_clock::now() + duration);
}

void TimedService::Impl::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus(v1::AttentionService::service_full_name(), serving);
}

int TimedService::Impl::call_count() const {
  const MutexLock lock(mutex_);
  return null_calls_ + static_cast<int>(calls_.size());
}

std::vector<TimedService::Call> TimedService::Impl::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

TimedService::TimedService(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
TimedService::~TimedService() = default;

int TimedService::port() const { return impl_->port(); }

std::string TimedService::address() const {
  return absl::StrCat("127.0.0.1:", impl_->port());
}

void TimedService::Stall(Duration duration) { impl_->Stall(duration); }

void TimedService::SetServing(bool serving) { impl_->SetServing(serving); }

int TimedService::call_count() const { return impl_->call_count(); }

std::vector<TimedService::Call> TimedService::calls() const {
  return impl_->calls();
}

}  // namespace attention
