// The rpcs of attention.v1.AttentionService; no arithmetic.
#ifndef SERVER_TYPED_ATTENTION_SERVICE_H_
#define SERVER_TYPED_ATTENTION_SERVICE_H_

#include "attention/v1/attention.grpc.pb.h"
#include "server/request/service_context.h"

namespace attention {

namespace service_internal {

// All take and give bytes: tensors are sent from the memory they are computed
// in, see response_buffer.h, and for the rest see message_call.h.
using Base = v1::AttentionService::WithRawCallbackMethod_Attend<
    v1::AttentionService::WithRawCallbackMethod_AttendStream<
        v1::AttentionService::WithRawCallbackMethod_ListModels<
            v1::AttentionService::WithRawCallbackMethod_GetModel<
                v1::AttentionService::WithRawCallbackMethod_GetServerInfo<
                    v1::AttentionService::Service>>>>>;

}  // namespace service_internal

// Thread-safe.
class AttentionService final : public service_internal::Base {
 public:
  explicit AttentionService(const ServiceContext& context)
      : context_(context) {}

  grpc::ServerUnaryReactor* Attend(grpc::CallbackServerContext* rpc,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AttendStream(
      grpc::CallbackServerContext* rpc) override;

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* rpc,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace attention

#endif  // SERVER_TYPED_ATTENTION_SERVICE_H_
