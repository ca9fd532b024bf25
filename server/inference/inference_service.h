// The rpcs of inference.GRPCInferenceService; no arithmetic.
#ifndef SERVER_INFERENCE_INFERENCE_SERVICE_H_
#define SERVER_INFERENCE_INFERENCE_SERVICE_H_

#include "inference/grpc_service.grpc.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

namespace service_internal {

using Rpcs = ::inference::GRPCInferenceService;

// All take and give bytes: tensors are read where they arrived and sent from
// where they were computed, and the rest see message_call.h.
using Infer = Rpcs::WithRawCallbackMethod_ModelInfer<
    Rpcs::WithRawCallbackMethod_ModelStreamInfer<Rpcs::Service>>;
using Server = Rpcs::WithRawCallbackMethod_ServerLive<
    Rpcs::WithRawCallbackMethod_ServerReady<
        Rpcs::WithRawCallbackMethod_ServerMetadata<
            Rpcs::WithRawCallbackMethod_LogSettings<
                Rpcs::WithRawCallbackMethod_TraceSetting<Infer>>>>>;
using Models = Rpcs::WithRawCallbackMethod_ModelReady<
    Rpcs::WithRawCallbackMethod_ModelMetadata<
        Rpcs::WithRawCallbackMethod_ModelConfig<
            Rpcs::WithRawCallbackMethod_ModelStatistics<
                Rpcs::WithRawCallbackMethod_RepositoryIndex<
                    Rpcs::WithRawCallbackMethod_RepositoryModelLoad<
                        Rpcs::WithRawCallbackMethod_RepositoryModelUnload<
                            Server>>>>>>>;
using Memory = Rpcs::WithRawCallbackMethod_SystemSharedMemoryStatus<
    Rpcs::WithRawCallbackMethod_SystemSharedMemoryRegister<
        Rpcs::WithRawCallbackMethod_SystemSharedMemoryUnregister<Models>>>;
using Base = Rpcs::WithRawCallbackMethod_CudaSharedMemoryStatus<
    Rpcs::WithRawCallbackMethod_CudaSharedMemoryRegister<
        Rpcs::WithRawCallbackMethod_CudaSharedMemoryUnregister<Memory>>>;

}  // namespace service_internal

// Thread-safe.
class InferenceService final : public service_internal::Base {
 public:
  explicit InferenceService(const InferenceContext& context)
      : context_(context) {}

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ModelStreamInfer(
      grpc::CallbackServerContext* rpc) override;

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* rpc,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* rpc,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* ModelStatistics(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* RepositoryIndex(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* RepositoryModelLoad(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* RepositoryModelUnload(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryStatus(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryRegister(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryUnregister(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryStatus(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryRegister(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryUnregister(
      grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
      grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* TraceSetting(grpc::CallbackServerContext* rpc,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* LogSettings(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  const InferenceContext context_;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFERENCE_SERVICE_H_
