#include "server/typed/attention_service.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "server/request/attend.h"
#include "server/request/grpc_status.h"
#include "server/typed/attend_stream.h"
#include "server/typed/describe.h"
#include "server/typed/response_buffer.h"

namespace attention {
namespace {

// gRPC tells deadlines by the wall clock, the engine by the steady one.
Clock::TimePoint DeadlineOf(const grpc::CallbackServerContext& rpc) {
  const auto deadline = rpc.deadline();
  const auto now = std::chrono::system_clock::now();
  const auto far = now + std::chrono::hours(24 * 365);
  if (deadline > far) return Clock::TimePoint::max();
  return SystemClock().Now() + (deadline - now);
}

// One Attend call. Owns itself: OnDone deletes.
class AttendReactor final : public grpc::ServerUnaryReactor {
 public:
  AttendReactor(const ServiceContext& context, Clock::TimePoint deadline,
                grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : context_(context) {
    context_.open_requests.Enter();
    StartAttend(context_, request, deadline, cancelled_,
                [this, response](AttendResult result) {
                  if (result.status.ok()) {
                    *response = MakeResponseBuffer(result.id, result.timing,
                                                   *std::move(result.outputs),
                                                   ResponseFraming::kUnary);
                  }
                  Finish(ToGrpcStatus(result.status));
                });
  }

  void OnCancel() override {
    cancelled_->store(true, std::memory_order_relaxed);
  }

  void OnDone() override {
    context_.open_requests.Leave();
    delete this;
  }

 private:
  const ServiceContext& context_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ =
      std::make_shared<std::atomic<bool>>(false);
};

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* rpc,
                                    const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* AttentionService::Attend(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  // gRPC made the buffer for this call alone; emptying it once it is parsed
  // keeps a request from being in memory twice while it is computed.
  return new AttendReactor(context_, DeadlineOf(*rpc),
                           const_cast<grpc::ByteBuffer*>(request), response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
AttentionService::AttendStream(grpc::CallbackServerContext* rpc) {
  return new AttendStreamReactor(context_, DeadlineOf(*rpc));
}

grpc::ServerUnaryReactor* AttentionService::ListModels(
    grpc::CallbackServerContext* rpc, const v1::ListModelsRequest*,
    v1::ListModelsResponse* response) {
  DescribeSdpa(context_.options, *response->add_models());
  for (const auto& model : context_.registry.List()) {
    DescribeModel(*model, context_.options, *response->add_models());
  }
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* AttentionService::GetModel(
    grpc::CallbackServerContext* rpc, const v1::GetModelRequest* request,
    v1::GetModelResponse* response) {
  if (request->name() == kSdpaModelName) {
    DescribeSdpa(context_.options, *response->mutable_model());
    return FinishNow(rpc, absl::OkStatus());
  }
  const auto model = context_.registry.Find(request->name());
  if (model.ok()) {
    DescribeModel(**model, context_.options, *response->mutable_model());
  }
  return FinishNow(rpc, model.status());
}

grpc::ServerUnaryReactor* AttentionService::GetServerInfo(
    grpc::CallbackServerContext* rpc, const v1::GetServerInfoRequest*,
    v1::GetServerInfoResponse* response) {
  DescribeServer(context_, *response);
  return FinishNow(rpc, absl::OkStatus());
}

}  // namespace attention
