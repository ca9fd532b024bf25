#include "server/request/unary_call.h"

#include <atomic>
#include <memory>

#include "server/request/grpc_status.h"

namespace attention {
namespace {

// Owns itself: OnDone deletes.
class UnaryCallReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryCallReactor(OpenRequests& open_requests)
      : open_requests_(open_requests) {
    open_requests_.Enter();
  }

  void Start(const grpc::CallbackServerContext& rpc, grpc::ByteBuffer* request,
             grpc::ByteBuffer* response, const StartRequest& start) {
    start(request, TermsOf(rpc, cancelled_),
          [this, response](RpcAnswer answer) {
            if (answer.status.ok()) response->Swap(&answer.message);
            Finish(ToGrpcStatus(answer.status));
          });
  }

  void OnCancel() override {
    cancelled_->store(true, std::memory_order_relaxed);
  }

  void OnDone() override {
    open_requests_.Leave();
    delete this;
  }

 private:
  OpenRequests& open_requests_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ =
      std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

grpc::ServerUnaryReactor* StartUnaryCall(grpc::CallbackServerContext* rpc,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response,
                                         OpenRequests& open_requests,
                                         const StartRequest& start) {
  auto* const reactor = new UnaryCallReactor(open_requests);
  reactor->Start(*rpc, const_cast<grpc::ByteBuffer*>(request), response, start);
  return reactor;
}

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* rpc,
                                    const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace attention
