#include "server/inference/inference_service.h"

#include <string>
#include <utility>
#include <vector>

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
#include "server/request/message_call.h"
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

absl::Status DescribeRegions(
    const InferenceContext& context, const std::string& peer,
    const ::inference::SystemSharedMemoryStatusRequest& request,
    ::inference::SystemSharedMemoryStatusResponse& response) {
  ATTENTION_ASSIGN_OR_RETURN(const std::vector<RegionStatus> regions,
                             context.RegionsFor(peer).Status(request.name()));
  for (const RegionStatus& region : regions) {
    auto& to = (*response.mutable_regions())[region.name];
    to.set_name(region.name);
    to.set_key(region.key);
    to.set_offset(region.offset);
    to.set_byte_size(region.byte_size);
  }
  return absl::OkStatus();
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
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ServerLiveRequest,
                       ::inference::ServerLiveResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& answer) {
        answer.set_live(true);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ServerReadyRequest,
                       ::inference::ServerReadyResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& answer) {
        answer.set_ready(context_.service.ready);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ModelReadyRequest,
                       ::inference::ModelReadyResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return DescribeReady(context_, asked, answer);
      });
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ServerMetadataRequest,
                       ::inference::ServerMetadataResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& answer) {
        DescribeServerMetadata(context_, answer);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ModelMetadataRequest,
                       ::inference::ModelMetadataResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return DescribeMetadata(context_, asked, answer);
      });
}

grpc::ServerUnaryReactor* InferenceService::ModelConfig(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ModelConfigRequest,
                       ::inference::ModelConfigResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return DescribeConfig(context_, asked, answer);
      });
}

grpc::ServerUnaryReactor* InferenceService::ModelStatistics(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::ModelStatisticsRequest,
                       ::inference::ModelStatisticsResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return DescribeStatistics(context_, asked, answer);
      });
}

grpc::ServerUnaryReactor* InferenceService::RepositoryIndex(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::RepositoryIndexRequest,
                       ::inference::RepositoryIndexResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        DescribeRepository(context_, asked, answer);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelLoad(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  ::inference::RepositoryModelLoadRequest asked;
  const absl::Status read = ReadMessage(*request, asked);
  if (!read.ok()) return FinishNow(rpc, read);
  *response = WriteMessage(::inference::RepositoryModelLoadResponse());
  grpc::ServerUnaryReactor* const reactor = rpc->DefaultReactor();
  LoadModel(context_, rpc->peer(), asked,
            [reactor](const absl::Status& status) {
              reactor->Finish(ToGrpcStatus(status));
            });
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelUnload(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::RepositoryModelUnloadRequest,
                       ::inference::RepositoryModelUnloadResponse>(
      rpc, *request, response, [&](const auto& asked, auto& /*unused*/) {
        return UnloadModel(context_, rpc->peer(), asked);
      });
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryStatus(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::SystemSharedMemoryStatusRequest,
                       ::inference::SystemSharedMemoryStatusResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return DescribeRegions(context_, rpc->peer(), asked, answer);
      });
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryRegister(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::SystemSharedMemoryRegisterRequest,
                       ::inference::SystemSharedMemoryRegisterResponse>(
      rpc, *request, response, [&](const auto& asked, auto& /*unused*/) {
        return context_.RegionsFor(rpc->peer())
            .Register({.name = asked.name(),
                       .key = asked.key(),
                       .offset = asked.offset(),
                       .byte_size = asked.byte_size()});
      });
}

grpc::ServerUnaryReactor* InferenceService::SystemSharedMemoryUnregister(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::SystemSharedMemoryUnregisterRequest,
                       ::inference::SystemSharedMemoryUnregisterResponse>(
      rpc, *request, response, [&](const auto& asked, auto& /*unused*/) {
        return context_.RegionsFor(rpc->peer()).Unregister(asked.name());
      });
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryStatus(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::CudaSharedMemoryStatusRequest,
                       ::inference::CudaSharedMemoryStatusResponse>(
      rpc, *request, response,
      [&](const auto& /*unused*/, auto& /*unused*/) { return NoCudaError(); });
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryRegister(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::CudaSharedMemoryRegisterRequest,
                       ::inference::CudaSharedMemoryRegisterResponse>(
      rpc, *request, response,
      [&](const auto& /*unused*/, auto& /*unused*/) { return NoCudaError(); });
}

grpc::ServerUnaryReactor* InferenceService::CudaSharedMemoryUnregister(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::CudaSharedMemoryUnregisterRequest,
                       ::inference::CudaSharedMemoryUnregisterResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& /*unused*/) {
        // There is none to forget, and clients clear up before they begin.
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::TraceSetting(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::TraceSettingRequest,
                       ::inference::TraceSettingResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& /*unused*/) {
        return NoTracesError();
      });
}

grpc::ServerUnaryReactor* InferenceService::LogSettings(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<::inference::LogSettingsRequest,
                       ::inference::LogSettingsResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        return ApplyLogSettings(context_, rpc->peer(), asked, answer);
      });
}

}  // namespace attention::oip
