#include "server/attend.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.pb.h"
#include "core/base/status_macros.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/convert.h"
#include "server/log.h"

namespace attention {
namespace {

// Everything that has to live until the engine is done.
struct AttendCall {
  const ServiceContext& context;
  AttendDone done;
  v1::AttendRequest request{};
  std::optional<Outputs> outputs{};
  std::string model_label = kUnknownModelLabel;
  std::int64_t tokens = 0;
};

absl::StatusOr<ModelWidths> FindModel(AttendCall& call,
                                      std::shared_ptr<const Model>& model) {
  const std::string& name = call.request.model();
  if (name.empty()) {
    return absl::InvalidArgumentError(
        "model: empty, name one that ListModels lists");
  }
  ModelWidths widths{.name = name, .is_sdpa = name == kSdpaModelName};
  if (!widths.is_sdpa) {
    ATTENTION_ASSIGN_OR_RETURN(model, call.context.registry.Find(name));
    widths.spec = model->spec();
    widths.embed_dim = model->embed_dim();
    widths.kdim = model->kdim();
    widths.vdim = model->vdim();
  }
  call.model_label = name;
  return widths;
}

// What the engine takes, all but the time limits and `done`.
absl::StatusOr<AttentionRequest> Convert(grpc::ByteBuffer* bytes,
                                         AttendCall& call) {
  const grpc::Status parsed =
      grpc::SerializationTraits<v1::AttendRequest>::Deserialize(bytes,
                                                                &call.request);
  if (!parsed.ok()) {
    // What a broken message left behind is nobody's id or model.
    call.request.Clear();
    return absl::InvalidArgumentError(
        "request: not an attention.v1.AttendRequest, its bytes do not parse");
  }
  AttentionRequest request;
  ATTENTION_ASSIGN_OR_RETURN(const ModelWidths widths,
                             FindModel(call, request.model));
  const ServerOptions& options = call.context.options;
  ATTENTION_ASSIGN_OR_RETURN(
      ConvertedRequest converted,
      ConvertRequest(call.request, widths,
                     {.max_response_bytes = options.max_response_bytes,
                      .max_sequences = options.max_sequences,
                      .max_tokens = options.engine.max_batch_tokens}));
  request.sdpa_spec = converted.spec;
  request.sequences = std::move(converted.sequences);
  call.outputs.emplace(std::move(converted.outputs));
  call.tokens = converted.tokens;
  return request;
}

void Finish(const absl::Status& status, const AttentionTiming& timing,
            std::unique_ptr<AttendCall> call) {
  call->context.metrics.CountRequest(call->model_label, status, call->tokens,
                                     timing);
  if (!status.ok()) {
    Log(LogLevel::kDebug, "request_failed",
        {{"model", call->model_label},
         {"code", absl::StatusCodeToString(status.code())},
         {"message", std::string(status.message())}});
  }
  AttendResult result{.status = status,
                      .id = std::move(*call->request.mutable_id()),
                      .timing = timing};
  if (static_cast<std::int64_t>(result.id.size()) > kMaxIdBytes) {
    result.id.resize(kMaxIdBytes);
  }
  if (status.ok()) result.outputs = std::move(call->outputs);
  AttendDone done = std::move(call->done);
  // The request's megabytes go before the answer's are sent.
  call.reset();
  std::move(done)(std::move(result));
}

}  // namespace

void StartAttend(const ServiceContext& context, grpc::ByteBuffer* bytes,
                 Clock::TimePoint deadline,
                 std::shared_ptr<const std::atomic<bool>> cancelled,
                 AttendDone done) {
  auto call = std::make_unique<AttendCall>(
      AttendCall{.context = context, .done = std::move(done)});
  absl::StatusOr<AttentionRequest> request = Convert(bytes, *call);
  if (!request.ok()) {
    Finish(request.status(), {}, std::move(call));
    return;
  }
  request->deadline = deadline;
  request->cancelled = std::move(cancelled);
  request->done = [call = std::move(call)](
                      const absl::Status& status,
                      const AttentionTiming& timing) mutable {
    Finish(status, timing, std::move(call));
  };
  context.engine.Submit(*std::move(request));
}

}  // namespace attention
