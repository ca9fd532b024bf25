#include "server/request/attend.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.pb.h"
#include "core/base/status_macros.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/base/log.h"
#include "server/request/convert.h"

namespace attention {
namespace {

// Everything that has to live until the engine is done.
struct AttendCall {
  const ServiceContext& context;
  AttendDone done;
  Clock::TimePoint deadline;
  Clock::TimePoint arrival = SystemClock().Now();
  // Of the request; the outputs have their own.
  std::shared_ptr<const MemoryBudget::Reservation> reservation{};
  v1::AttendRequest request{};
  InputLayout layout{};
  std::optional<Outputs> outputs{};
  std::string model_label = kUnknownModelLabel;
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
  const auto request_bytes = static_cast<std::int64_t>(bytes->Length());
  const grpc::Status parsed =
      grpc::SerializationTraits<v1::AttendRequest>::Deserialize(bytes,
                                                                &call.request);
  if (!parsed.ok()) {
    // What a broken message left behind is nobody's id or model.
    call.request.Clear();
    return absl::InvalidArgumentError(
        "request: not an attention.v1.AttendRequest, its bytes do not parse");
  }
  // In memory they may take eight times what they take on the wire.
  call.request.DiscardUnknownFields();
  AttentionRequest request;
  ATTENTION_ASSIGN_OR_RETURN(const ModelWidths widths,
                             FindModel(call, request.model));
  ATTENTION_ASSIGN_OR_RETURN(call.reservation,
                             call.context.budget.Reserve(request_bytes));
  const ServerOptions& options = call.context.options;
  ATTENTION_ASSIGN_OR_RETURN(
      ConvertedRequest converted,
      ConvertRequest(call.request, widths,
                     {.max_response_bytes = options.max_response_bytes,
                      .max_sequences = options.max_sequences,
                      .max_tokens = options.engine.max_batch_tokens},
                     call.context.budget));
  request.sdpa_spec = converted.layout.spec;
  request.sequences = std::move(converted.sequences);
  call.outputs.emplace(std::move(converted.outputs));
  call.layout = std::move(converted.layout);
  return request;
}

// Shortens `id` to kMaxIdBytes or, to leave a character whole, a little less.
void ShortenId(std::string& id) {
  std::size_t size = kMaxIdBytes;
  if (id.size() <= size) return;
  // Bytes 10xxxxxx go on with a character of UTF-8.
  while (size > 0 && (id[size] & 0xC0) == 0x80) --size;
  id.resize(size);
}

// A client whose time is up cancels, a little before the deadline that the
// server sees: it rounds up the timeout that it sends, by up to 1%.
absl::Status NameTimeout(const absl::Status& status, const AttendCall& call) {
  if (!absl::IsCancelled(status) || call.deadline == Clock::TimePoint::max()) {
    return status;
  }
  const Clock::Duration early =
      std::chrono::milliseconds(5) + (call.deadline - call.arrival) / 100;
  if (SystemClock().Now() + early < call.deadline) return status;
  return absl::DeadlineExceededError(
      "the client cancelled the request at its deadline");
}

void Finish(const absl::Status& engine_status, const AttentionTiming& timing,
            std::unique_ptr<AttendCall> call) {
  const absl::Status status = NameTimeout(engine_status, *call);
  call->context.metrics.CountRequest(call->model_label, status,
                                     call->layout.tokens, timing);
  ShortenId(*call->request.mutable_id());
  if (!status.ok()) {
    Log(LogLevel::kDebug, "request_failed",
        {{"model", call->model_label},
         {"id", call->request.id()},
         {"code", absl::StatusCodeToString(status.code())},
         {"message", std::string(status.message())}});
  }
  AttendResult result{.status = status,
                      .id = std::move(*call->request.mutable_id()),
                      .timing = timing};
  if (status.ok()) {
    // Not before: requests that fail do not need it.
    call->outputs->ZeroPadding(call->layout);
    result.outputs = std::move(call->outputs);
  }
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
  auto call = std::make_unique<AttendCall>(AttendCall{
      .context = context, .done = std::move(done), .deadline = deadline});
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
