// The rpcs of inference.GRPCInferenceService; no arithmetic.
#ifndef SERVER_INFERENCE_INFERENCE_SERVICE_H_
#define SERVER_INFERENCE_INFERENCE_SERVICE_H_

#include "inference/grpc_service.grpc.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

namespace service_internal {

using Rpcs = ::inference::GRPCInferenceService;

// ModelInfer and ModelStreamInfer take and give bytes: their tensors are read
// where they arrived and sent from where they were computed.
using Infer = Rpcs::WithRawCallbackMethod_ModelInfer<
    Rpcs::WithRawCallbackMethod_ModelStreamInfer<Rpcs::Service>>;
using Server =
    Rpcs::WithCallbackMethod_ServerLive<Rpcs::WithCallbackMethod_ServerReady<
        Rpcs::WithCallbackMethod_ServerMetadata<
            Rpcs::WithCallbackMethod_LogSettings<
                Rpcs::WithCallbackMethod_TraceSetting<Infer>>>>>;
using Models = Rpcs::WithCallbackMethod_ModelReady<
    Rpcs::WithCallbackMethod_ModelMetadata<Rpcs::WithCallbackMethod_ModelConfig<
        Rpcs::WithCallbackMethod_ModelStatistics<
            Rpcs::WithCallbackMethod_RepositoryIndex<
                Rpcs::WithCallbackMethod_RepositoryModelLoad<
                    Rpcs::WithCallbackMethod_RepositoryModelUnload<
                        Server>>>>>>>;
using Memory = Rpcs::WithCallbackMethod_SystemSharedMemoryStatus<
    Rpcs::WithCallbackMethod_SystemSharedMemoryRegister<
        Rpcs::WithCallbackMethod_SystemSharedMemoryUnregister<Models>>>;
using Base = Rpcs::WithCallbackMethod_CudaSharedMemoryStatus<
    Rpcs::WithCallbackMethod_CudaSharedMemoryRegister<
        Rpcs::WithCallbackMethod_CudaSharedMemoryUnregister<Memory>>>;

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

  grpc::ServerUnaryReactor* ServerLive(
      grpc::CallbackServerContext* rpc,
      const ::inference::ServerLiveRequest* request,
      ::inference::ServerLiveResponse* response) override;

  grpc::ServerUnaryReactor* ServerReady(
      grpc::CallbackServerContext* rpc,
      const ::inference::ServerReadyRequest* request,
      ::inference::ServerReadyResponse* response) override;

  grpc::ServerUnaryReactor* ModelReady(
      grpc::CallbackServerContext* rpc,
      const ::inference::ModelReadyRequest* request,
      ::inference::ModelReadyResponse* response) override;

  grpc::ServerUnaryReactor* ServerMetadata(
      grpc::CallbackServerContext* rpc,
      const ::inference::ServerMetadataRequest* request,
      ::inference::ServerMetadataResponse* response) override;

  grpc::ServerUnaryReactor* ModelMetadata(
      grpc::CallbackServerContext* rpc,
      const ::inference::ModelMetadataRequest* request,
      ::inference::ModelMetadataResponse* response) override;

  grpc::ServerUnaryReactor* ModelConfig(
      grpc::CallbackServerContext* rpc,
      const ::inference::ModelConfigRequest* request,
      ::inference::ModelConfigResponse* response) override;

  grpc::ServerUnaryReactor* ModelStatistics(
      grpc::CallbackServerContext* rpc,
      const ::inference::ModelStatisticsRequest* request,
      ::inference::ModelStatisticsResponse* response) override;

  grpc::ServerUnaryReactor* RepositoryIndex(
      grpc::CallbackServerContext* rpc,
      const ::inference::RepositoryIndexRequest* request,
      ::inference::RepositoryIndexResponse* response) override;

  grpc::ServerUnaryReactor* RepositoryModelLoad(
      grpc::CallbackServerContext* rpc,
      const ::inference::RepositoryModelLoadRequest* request,
      ::inference::RepositoryModelLoadResponse* response) override;

  grpc::ServerUnaryReactor* RepositoryModelUnload(
      grpc::CallbackServerContext* rpc,
      const ::inference::RepositoryModelUnloadRequest* request,
      ::inference::RepositoryModelUnloadResponse* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryStatus(
      grpc::CallbackServerContext* rpc,
      const ::inference::SystemSharedMemoryStatusRequest* request,
      ::inference::SystemSharedMemoryStatusResponse* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryRegister(
      grpc::CallbackServerContext* rpc,
      const ::inference::SystemSharedMemoryRegisterRequest* request,
      ::inference::SystemSharedMemoryRegisterResponse* response) override;

  grpc::ServerUnaryReactor* SystemSharedMemoryUnregister(
      grpc::CallbackServerContext* rpc,
      const ::inference::SystemSharedMemoryUnregisterRequest* request,
      ::inference::SystemSharedMemoryUnregisterResponse* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryStatus(
      grpc::CallbackServerContext* rpc,
      const ::inference::CudaSharedMemoryStatusRequest* request,
      ::inference::CudaSharedMemoryStatusResponse* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryRegister(
      grpc::CallbackServerContext* rpc,
      const ::inference::CudaSharedMemoryRegisterRequest* request,
      ::inference::CudaSharedMemoryRegisterResponse* response) override;

  grpc::ServerUnaryReactor* CudaSharedMemoryUnregister(
      grpc::CallbackServerContext* rpc,
      const ::inference::CudaSharedMemoryUnregisterRequest* request,
      ::inference::CudaSharedMemoryUnregisterResponse* response) override;

  grpc::ServerUnaryReactor* TraceSetting(
      grpc::CallbackServerContext* rpc,
      const ::inference::TraceSettingRequest* request,
      ::inference::TraceSettingResponse* response) override;

  grpc::ServerUnaryReactor* LogSettings(
      grpc::CallbackServerContext* rpc,
      const ::inference::LogSettingsRequest* request,
      ::inference::LogSettingsResponse* response) override;

 private:
  const InferenceContext context_;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFERENCE_SERVICE_H_
