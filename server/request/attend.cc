#include "server/request/attend.h"

#include <chrono>
#include <utility>

#include "core/base/status_macros.h"
#include "server/base/log.h"
#include "server/request/convert.h"

namespace attention {
namespace {

// Everything that has to live until the engine is done.
struct OpenCall {
  const ServiceContext& context;
  ServiceDone done;
  ServiceCall call;
  // Of the message; a mask and the outputs have their own.
  std::shared_ptr<const MemoryBudget::Reservation> reservation{};
  std::shared_ptr<const void> mask_memory{};
  InputLayout layout{};
  std::optional<Outputs> outputs{};
  std::string model_label = kUnknownModelLabel;
  // When it was given to the engine.
  Clock::TimePoint submitted{};
};

absl::StatusOr<ModelWidths> FindModel(OpenCall& open,
                                      std::shared_ptr<const Model>& model) {
  const std::string& name = open.call.model;
  if (name.empty()) {
    return absl::InvalidArgumentError(
        "model: empty, name one that ListModels lists");
  }
  ModelWidths widths{.name = name, .is_sdpa = name == kSdpaModelName};
  if (!widths.is_sdpa) {
    ATTENTION_ASSIGN_OR_RETURN(model, open.context.registry.Find(name));
    widths.spec = model->spec();
    widths.embed_dim = model->embed_dim();
    widths.kdim = model->kdim();
    widths.vdim = model->vdim();
  }
  open.model_label = name;
  return widths;
}

// What the engine takes, all but `done`.
absl::StatusOr<AttentionRequest> Convert(OpenCall& open) {
  const ServiceCall& call = open.call;
  const ServiceContext& context = open.context;
  AttentionRequest request;
  ATTENTION_ASSIGN_OR_RETURN(const ModelWidths widths,
                             FindModel(open, request.model));
  ATTENTION_ASSIGN_OR_RETURN(open.reservation,
                             context.budget.Reserve(call.message_bytes));
  ATTENTION_ASSIGN_OR_RETURN(
      ConvertedRequest converted,
      ConvertRequest(call.inputs, widths,
                     {.max_response_bytes = context.options.max_response_bytes,
                      .max_sequences = context.options.max_sequences,
                      .max_tokens = context.options.engine.max_batch_tokens},
                     context.budget));
  request.sdpa_spec = converted.layout.spec;
  request.sequences = std::move(converted.sequences);
  request.priority = call.priority;
  request.deadline = call.deadline;
  request.cancelled = call.cancelled;
  open.mask_memory = std::move(converted.mask_memory);
  open.outputs.emplace(std::move(converted.outputs));
  open.layout = std::move(converted.layout);
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
absl::Status NameTimeout(const absl::Status& status, const ServiceCall& call) {
  if (!absl::IsCancelled(status) || call.deadline == Clock::TimePoint::max()) {
    return status;
  }
  const Clock::Duration early =
      std::chrono::milliseconds(5) + (call.deadline - call.arrival) / 100;
  if (SystemClock().Now() + early < call.deadline) return status;
  return absl::DeadlineExceededError(
      "the client cancelled the request at its deadline");
}

void Count(const ServiceContext& context, const std::string& model_label,
           const std::string& id, std::int64_t tokens,
           const absl::Status& status, const AttentionTiming& timing) {
  context.metrics.CountRequest(model_label, status, tokens, timing);
  if (status.ok()) return;
  Log(LogLevel::kDebug, "request_failed",
      {{"model", model_label},
       {"id", id},
       {"code", absl::StatusCodeToString(status.code())},
       {"message", std::string(status.message())}});
}

void Record(const OpenCall& open, const absl::Status& status,
            const AttentionTiming& timing, Clock::TimePoint computed) {
  if (open.model_label == kUnknownModelLabel) return;
  const Clock::TimePoint now = SystemClock().Now();
  open.context.statistics.Record(open.model_label,
                                 {.ok = status.ok(),
                                  .total = now - open.call.arrival,
                                  .input = open.submitted - open.call.arrival,
                                  .queue = timing.queue,
                                  .compute = timing.compute,
                                  .output = now - computed,
                                  .sequences = open.layout.q_rows.batch(),
                                  .batch_requests = timing.batch_requests});
}

void Finish(const absl::Status& engine_status, const AttentionTiming& timing,
            std::unique_ptr<OpenCall> open) {
  const Clock::TimePoint computed = SystemClock().Now();
  ServiceResult result{.status = NameTimeout(engine_status, open->call),
                       .id = std::move(open->call.inputs.id),
                       .timing = timing};
  ShortenId(result.id);
  Count(open->context, open->model_label, result.id, open->layout.tokens,
        result.status, timing);
  if (result.status.ok()) {
    // Not before: requests that fail do not need it.
    open->outputs->ZeroPadding(open->layout);
    result.outputs = std::move(open->outputs);
  }
  Record(*open, result.status, timing, computed);
  ServiceDone done = std::move(open->done);
  // The request's megabytes go before the answer's are sent.
  open.reset();
  std::move(done)(std::move(result));
}

}  // namespace

void StartAttend(const ServiceContext& context, ServiceCall call,
                 ServiceDone done) {
  auto open = std::make_unique<OpenCall>(OpenCall{
      .context = context, .done = std::move(done), .call = std::move(call)});
  absl::StatusOr<AttentionRequest> request = Convert(*open);
  if (!request.ok()) {
    Finish(request.status(), {}, std::move(open));
    return;
  }
  open->submitted = SystemClock().Now();
  request->done = [open = std::move(open)](
                      const absl::Status& status,
                      const AttentionTiming& timing) mutable {
    Finish(status, timing, std::move(open));
  };
  context.engine.Submit(*std::move(request));
}

void RefuseAttend(const ServiceContext& context, const RefusedCall& call,
                  ServiceDone done) {
  ServiceResult result{.status = call.status, .id = call.id};
  ShortenId(result.id);
  const bool is_known =
      call.model == kSdpaModelName || context.registry.Find(call.model).ok();
  Count(context, is_known ? call.model : kUnknownModelLabel, result.id, 0,
        call.status, {});
  if (is_known) {
    context.statistics.Record(
        call.model, {.ok = false, .total = SystemClock().Now() - call.arrival});
  }
  std::move(done)(std::move(result));
}

}  // namespace attention
