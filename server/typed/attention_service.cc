#include "server/typed/attention_service.h"

#include <utility>

#include "server/request/message_call.h"
#include "server/request/request_stream.h"
#include "server/request/unary_call.h"
#include "server/typed/describe.h"
#include "server/typed/response_buffer.h"
#include "server/typed/start_attend.h"

namespace attention {

grpc::ServerUnaryReactor* AttentionService::Attend(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnaryCall(
      rpc, request, response, context_.open_requests,
      [this](grpc::ByteBuffer* bytes, const RpcTerms& terms, RpcDone done) {
        StartAttendMessage(
            context_, bytes, terms,
            [done = std::move(done)](ServiceResult result) mutable {
              RpcAnswer answer = {.status = result.status};
              if (result.status.ok()) {
                answer.message = MakeResponseBuffer(result.id, result.timing,
                                                    *std::move(result.outputs),
                                                    ResponseFraming::kUnary);
              }
              std::move(done)(std::move(answer));
            });
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
AttentionService::AttendStream(grpc::CallbackServerContext* rpc) {
  return new RequestStream(
      *rpc, context_.open_requests, RequestStream::Order::kAsFinished,
      [this](grpc::ByteBuffer* bytes, const RpcTerms& terms, RpcDone done) {
        StartAttendMessage(
            context_, bytes, terms,
            [done = std::move(done)](ServiceResult result) mutable {
              std::move(done)(
                  {.message =
                       result.status.ok()
                           ? MakeResponseBuffer(result.id, result.timing,
                                                *std::move(result.outputs),
                                                ResponseFraming::kStream)
                           : MakeStreamErrorBuffer(result.id, result.status)});
            });
      });
}

grpc::ServerUnaryReactor* AttentionService::ListModels(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<v1::ListModelsRequest, v1::ListModelsResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& answer) {
        DescribeSdpa(context_.options, *answer.add_models());
        for (const auto& model : context_.registry.List()) {
          DescribeModel(*model, context_.options, *answer.add_models());
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AttentionService::GetModel(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<v1::GetModelRequest, v1::GetModelResponse>(
      rpc, *request, response, [&](const auto& asked, auto& answer) {
        if (asked.name() == kSdpaModelName) {
          DescribeSdpa(context_.options, *answer.mutable_model());
          return absl::OkStatus();
        }
        const auto model = context_.registry.Find(asked.name());
        if (model.ok()) {
          DescribeModel(**model, context_.options, *answer.mutable_model());
        }
        return model.status();
      });
}

grpc::ServerUnaryReactor* AttentionService::GetServerInfo(
    grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return AnswerMessage<v1::GetServerInfoRequest, v1::GetServerInfoResponse>(
      rpc, *request, response, [&](const auto& /*unused*/, auto& answer) {
        DescribeServer(context_, answer);
        return absl::OkStatus();
      });
}

}  // namespace attention
