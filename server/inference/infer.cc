#include "server/inference/infer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "server/inference/datatype.h"
#include "server/inference/infer_inputs.h"
#include "server/inference/triton_code.h"
#include "server/request/attend.h"

namespace attention::oip {
namespace {

// What the engine's views point into.
struct HeldInputs {
  InferMessage message{};
  std::vector<SharedBytes> regions{};
};

// What the answer needs besides the engine's result.
struct OpenInfer {
  InferDone done;
  // As the client wrote it.
  std::string model_name{};
  std::vector<InferOutput> outputs{};
  bool batch_of_one = false;
  std::vector<SharedBytes> regions{};
  // Of the request, when it ends before the rpc's deadline; otherwise zero.
  std::chrono::microseconds timeout{0};
};

absl::StatusOr<InferInputs> Read(const InferenceContext& context,
                                 const InferMessage& message,
                                 const std::string& peer) {
  ATTENTION_ASSIGN_OR_RETURN(
      const ServedModel served,
      FindServed(context.service.registry, message.header.model_name(),
                 message.header.model_version()));
  return ReadInferInputs(message, served.name, context.RegionsFor(peer));
}

absl::Status CheckIntact(const std::vector<SharedBytes>& regions) {
  for (const SharedBytes& region : regions) {
    ATTENTION_RETURN_IF_ERROR(SharedMemory::CheckIntact(region));
  }
  return absl::OkStatus();
}

void SetMicroseconds(const char* name, std::chrono::nanoseconds time,
                     ::inference::ModelInferResponse& response) {
  (*response.mutable_parameters())[name].set_int64_param(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

void SetPlace(const RegionUse& place, std::int64_t bytes,
              ::inference::ModelInferResponse_InferOutputTensor& output) {
  auto& parameters = *output.mutable_parameters();
  parameters["shared_memory_region"].set_string_param(place.region);
  parameters["shared_memory_byte_size"].set_int64_param(bytes);
  if (place.offset > 0) {
    parameters["shared_memory_offset"].set_int64_param(
        static_cast<std::int64_t>(place.offset));
  }
}

void AddOutput(const InferOutput& wanted, bool batch_of_one, Outputs& outputs,
               InferAnswer& answer) {
  OutputTensor& tensor =
      wanted.is_weights ? outputs.attn_weights() : outputs.contexts();
  auto& output = *answer.header.add_outputs();
  output.set_name(wanted.name());
  output.set_datatype(std::string(DatatypeName(tensor.dtype)));
  if (batch_of_one) output.add_shape(1);
  for (const std::int64_t dim : tensor.shape.dims()) output.add_shape(dim);
  OutputTensor& raw = answer.raw.emplace_back(std::move(tensor));
  if (wanted.place.has_value()) {
    SetPlace(*wanted.place, raw.bytes, output);
    raw.data = nullptr;
    raw.bytes = 0;
  }
}

InferAnswer MakeAnswer(ServiceResult result, const OpenInfer& open) {
  InferAnswer answer;
  answer.status = WithTritonCode(result.status, open.timeout);
  if (answer.status.ok()) answer.status = CheckIntact(open.regions);
  answer.header.set_id(std::move(result.id));
  if (!answer.status.ok()) return answer;
  answer.header.set_model_name(open.model_name);
  answer.header.set_model_version(std::string(kModelVersion));
  SetMicroseconds("queue_us", result.timing.queue, answer.header);
  SetMicroseconds("compute_us", result.timing.compute, answer.header);
  answer.reservation = result.outputs->reservation();
  for (const InferOutput& wanted : open.outputs) {
    AddOutput(wanted, open.batch_of_one, *result.outputs, answer);
  }
  return answer;
}

ServiceDone Answering(OpenInfer open) {
  return [open = std::move(open)](ServiceResult result) mutable {
    InferAnswer answer = MakeAnswer(std::move(result), open);
    std::move(open.done)(std::move(answer));
  };
}

}  // namespace

void StartInfer(const InferenceContext& context, InferMessage message,
                const RpcTerms& terms, InferDone done) {
  const auto held = std::make_shared<HeldInputs>();
  held->message = std::move(message);
  const ::inference::ModelInferRequest& header = held->message.header;
  const std::string model = ParseServedName(header.model_name()).model;
  OpenInfer open = {.done = std::move(done), .model_name = header.model_name()};
  absl::StatusOr<InferInputs> read = Read(context, held->message, terms.peer);
  if (!read.ok()) {
    RefuseAttend(context.service,
                 {.model = model,
                  .id = header.id(),
                  .arrival = terms.arrival,
                  .status = read.status()},
                 Answering(std::move(open)));
    return;
  }
  held->regions = read->regions;
  open.outputs = std::move(read->outputs);
  open.batch_of_one = read->batch_of_one;
  open.regions = std::move(read->regions);
  Clock::TimePoint deadline = terms.deadline;
  if (read->timeout.count() > 0 && terms.arrival + read->timeout < deadline) {
    deadline = terms.arrival + read->timeout;
    open.timeout = read->timeout;
  }
  StartAttend(context.service,
              {.model = model,
               .inputs = std::move(read->inputs),
               .message = held,
               .message_bytes = held->message.bytes,
               .priority = read->priority,
               .arrival = terms.arrival,
               .deadline = deadline,
               .cancelled = terms.cancelled},
              Answering(std::move(open)));
}

}  // namespace attention::oip
