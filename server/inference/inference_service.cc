#include "server/inference/inference_service.h"

#include <utility>

#include "core/base/status_macros.h"
#include "server/inference/describe_model.h"
#include "server/inference/describe_server.h"
#include "server/inference/infer.h"
#include "server/inference/infer_buffer.h"
#include "server/inference/infer_message.h"
#include "server/inference/log_settings.h"
#include "server/inference/not_served.h"
#include "server/inference/repository.h"
#include "server/inference/statistics.h"
#include "server/request/attend.h"
#include "server/request/compressed_message.h"
#include "server/request/grpc_status.h"
#include "server/request/request_stream.h"
#include "server/request/unary_call.h"

namespace attention::oip {
namespace {

absl::StatusOr<InferMessage> ReadBytes(const ServerOptions& options,
                                       grpc::ByteBuffer* bytes) {
  ATTENTION_RETURN_IF_ERROR(Decompress(options.max_request_bytes, *bytes));
  return ReadInferMessage(bytes);
}

// Reads a request from `bytes`, which it clears, and starts it.
void StartBytes(const InferenceContext& context, grpc::ByteBuffer* bytes,
                const RpcTerms& terms, InferDone done) {
  absl::StatusOr<InferMessage> message =
      ReadBytes(context.service.options, bytes);
  if (!message.ok()) {
    // What a broken message left behind is nobody's id or model.
    RefuseAttend(context.service,
                 {.arrival = terms.arrival, .status = message.status()},
                 [done = std::move(done)](const ServiceResult& result) mutable {
                   std::move(done)({.status = result.status});
                 });
    return;
  }
  StartInfer(context, *std::move(message), terms, std::move(done));
}

}  // namespace

grpc::ServerUnaryReactor* InferenceService::ModelInfer(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnaryCall(
      rpc, request, response, context_.service.open_requests,
      [this](grpc::ByteBuffer* bytes, const RpcTerms& terms, RpcDone done) {
        StartBytes(context_, bytes, terms,
                   [done = std::move(done)](const InferAnswer& answer) mutable {
                     RpcAnswer sent = {.status = answer.status};
                     if (sent.status.ok()) {
                       sent.message = MakeInferBuffer(answer);
                     }
                     std::move(done)(std::move(sent));
                   });
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
InferenceService::ModelStreamInfer(grpc::CallbackServerContext* rpc) {
  return new RequestStream(
      *rpc, context_.service.open_requests, RequestStream::Order::kAsAsked,
      [this](grpc::ByteBuffer* bytes, const RpcTerms& terms, RpcDone done) {
        StartBytes(context_, bytes, terms,
                   [done = std::move(done)](InferAnswer answer) mutable {
                     std::move(done)(
                         {.message = MakeStreamInferBuffer(std::move(answer))});
                   });
      });
}

grpc::ServerUnaryReactor* InferenceService::ServerLive(
    grpc::CallbackServerContext* rpc, const ::inference::ServerLiveRequest*,
    ::inference::ServerLiveResponse* response) {
  response->set_live(true);
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(
    grpc::CallbackServerContext* rpc, const ::inference::ServerReadyRequest*,
    ::inference::ServerReadyResponse* response) {
  response->set_ready(context_.service.ready);
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(
    grpc::CallbackServerContext* rpc,
    const ::inference::ModelReadyRequest* request,
    ::inference::ModelReadyResponse* response) {
  return FinishNow(rpc, DescribeReady(context_, *request, *response));
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(
    grpc::CallbackServerContext* rpc, const ::inference::ServerMetadataRequest*,
    ::inference::ServerMetadataResponse* response) {
  DescribeServerMetadata(context_, *response);
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(
    grpc::CallbackServerContext* rpc,
    const ::inference::ModelMetadataRequest* request,
    ::inference::ModelMetadataResponse* response) {
  return FinishNow(rpc, DescribeMetadata(context_, *request, *response));
}

grpc::ServerUnaryReactor* InferenceService::ModelConfig(
    grpc::CallbackServerContext* rpc,
    const ::inference::ModelConfigRequest* request,
    ::inference::ModelConfigResponse* response) {
  return FinishNow(rpc, DescribeConfig(context_, *request, *response));
}

grpc::ServerUnaryReactor* InferenceService::ModelStatistics(
    grpc::CallbackServerContext* rpc,
    const ::inference::ModelStatisticsRequest* request,
    ::inference::ModelStatisticsResponse* response) {
  return FinishNow(rpc, DescribeStatistics(context_, *request, *response));
}

grpc::ServerUnaryReactor* InferenceService::RepositoryIndex(
    grpc::CallbackServerContext* rpc,
    const ::inference::RepositoryIndexRequest* request,
    ::inference::RepositoryIndexResponse* response) {
  DescribeRepository(context_, *request, *response);
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelLoad(
    grpc::CallbackServerContext* rpc,
    const ::inference::RepositoryModelLoadRequest* request,
    ::inference::RepositoryModelLoadResponse*) {
  grpc::ServerUnaryReactor* const reactor = rpc->DefaultReactor();
  LoadModel(context_, rpc->peer(), *request,
            [reactor](const absl::Status& status) {
              reactor->Finish(ToGrpcStatus(status));
            });
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelUnload(
    grpc::CallbackServerContext* rpc,
    const ::inference::RepositoryModelUnloadRequest* request,
    ::inference::RepositoryModelUnloadResponse*) {
  return FinishNow(rpc, UnloadModel(context_, rpc->peer(), *request));
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryStatus(
    grpc::CallbackServerContext* rpc,
    const ::inference::SystemSharedMemoryStatusRequest* request,
    ::inference::SystemSharedMemoryStatusResponse* response) {
  const auto regions = context_.RegionsFor(rpc->peer()).Status(request->name());
  if (!regions.ok()) return FinishNow(rpc, regions.status());
  for (const RegionStatus& region : *regions) {
    auto& to = (*response->mutable_regions())[region.name];
    to.set_name(region.name);
    to.set_key(region.key);
    to.set_offset(region.offset);
    to.set_byte_size(region.byte_size);
  }
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryRegister(
    grpc::CallbackServerContext* rpc,
    const ::inference::SystemSharedMemoryRegisterRequest* request,
    ::inference::SystemSharedMemoryRegisterResponse*) {
  return FinishNow(rpc, context_.RegionsFor(rpc->peer())
                            .Register({.name = request->name(),
                                       .key = request->key(),
                                       .offset = request->offset(),
                                       .byte_size = request->byte_size()}));
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryUnregister(
    grpc::CallbackServerContext* rpc,
    const ::inference::SystemSharedMemoryUnregisterRequest* request,
    ::inference::SystemSharedMemoryUnregisterResponse*) {
  return FinishNow(
      rpc, context_.RegionsFor(rpc->peer()).Unregister(request->name()));
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryStatus(
    grpc::CallbackServerContext* rpc,
    const ::inference::CudaSharedMemoryStatusRequest*,
    ::inference::CudaSharedMemoryStatusResponse*) {
  return FinishNow(rpc, NoCudaError());
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryRegister(
    grpc::CallbackServerContext* rpc,
    const ::inference::CudaSharedMemoryRegisterRequest*,
    ::inference::CudaSharedMemoryRegisterResponse*) {
  return FinishNow(rpc, NoCudaError());
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryUnregister(
    grpc::CallbackServerContext* rpc,
    const ::inference::CudaSharedMemoryUnregisterRequest*,
    ::inference::CudaSharedMemoryUnregisterResponse*) {
  // There is none to forget, and clients clear up before they begin.
  return FinishNow(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* InferenceService::TraceSetting(
    grpc::CallbackServerContext* rpc, const ::inference::TraceSettingRequest*,
    ::inference::TraceSettingResponse*) {
  return FinishNow(rpc, NoTracesError());
}

grpc::ServerUnaryReactor* InferenceService::LogSettings(
    grpc::CallbackServerContext* rpc,
    const ::inference::LogSettingsRequest* request,
    ::inference::LogSettingsResponse* response) {
  return FinishNow(
      rpc, ApplyLogSettings(context_, rpc->peer(), *request, *response));
}

}  // namespace attention::oip
