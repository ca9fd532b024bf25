#include "server/inference/infer_inputs.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "core/model/model_registry.h"
#include "server/inference/datatype.h"
#include "server/inference/infer_lengths.h"
#include "server/inference/infer_tensors.h"
#include "server/inference/parameter_reader.h"
#include "server/inference/region_overlap.h"

namespace attention::oip {
namespace {

// Absent without the parameter.
absl::StatusOr<std::optional<DType>> ReadDType(
    const ParameterReader& parameters, const std::string& name,
    const std::vector<DType>& allowed, absl::string_view allowed_text) {
  ATTENTION_ASSIGN_OR_RETURN(const auto text, parameters.String(name));
  if (!text.has_value()) return std::nullopt;
  const std::optional<DType> dtype = ParseDatatype(*text);
  if (dtype.has_value() &&
      std::find(allowed.begin(), allowed.end(), *dtype) != allowed.end()) {
    return dtype;
  }
  return parameters.Refuse(name, Quote(*text), allowed_text);
}

absl::StatusOr<AttnWeights> ReadWeightsKind(const ParameterReader& parameters,
                                            const ServedName& served) {
  ATTENTION_ASSIGN_OR_RETURN(const auto kind,
                             parameters.String("attn_weights"));
  if (!kind.has_value()) return AttnWeights::kPerHead;
  if (!served.has_weights) {
    return absl::InvalidArgumentError(
        absl::StrCat("request: parameter attn_weights: ", served.model,
                     " gives none, ask ", served.model, kWeightsSuffix));
  }
  if (*kind == "per_head") return AttnWeights::kPerHead;
  if (*kind == "head_average") return AttnWeights::kHeadAverage;
  return parameters.Refuse("attn_weights", Quote(*kind),
                           "\"per_head\" or \"head_average\"");
}

absl::Status ReadOptions(const ParameterReader& parameters,
                         const ServedName& served, InferInputs& read) {
  RequestInputs& inputs = read.inputs;
  ATTENTION_ASSIGN_OR_RETURN(const auto is_causal,
                             parameters.Bool("is_causal"));
  inputs.is_causal = is_causal.value_or(false);
  ATTENTION_ASSIGN_OR_RETURN(inputs.scale, parameters.Double("scale"));
  ATTENTION_ASSIGN_OR_RETURN(const auto residual, parameters.Bool("residual"));
  inputs.residual = residual.value_or(false);
  ATTENTION_ASSIGN_OR_RETURN(inputs.output_dtype,
                             ReadDType(parameters, "output_dtype",
                                       {DType::kF32, DType::kF16, DType::kBF16},
                                       "\"FP32\", \"FP16\" or \"BF16\""));
  ATTENTION_ASSIGN_OR_RETURN(
      inputs.compute_dtype,
      ReadDType(parameters, "compute_dtype", {DType::kF32, DType::kBF16},
                "\"FP32\" or \"BF16\""));
  ATTENTION_ASSIGN_OR_RETURN(inputs.attn_weights,
                             ReadWeightsKind(parameters, served));
  ATTENTION_ASSIGN_OR_RETURN(const auto priority, parameters.Count("priority"));
  read.priority = priority.value_or(0);
  ATTENTION_ASSIGN_OR_RETURN(const auto timeout, parameters.Count("timeout"));
  constexpr std::chrono::microseconds kLongest = kMaxTimeout;
  if (timeout.value_or(0) <= static_cast<std::uint64_t>(kLongest.count())) {
    read.timeout = std::chrono::microseconds(timeout.value_or(0));
  }
  return absl::OkStatus();
}

// Clients that put a batch before every tensor send packed ones as a batch of
// one, [1, tokens, ...], which several lengths tell from a padded sequence.
bool TakePackedOut(const ServedName& served, RequestInputs& inputs) {
  const int padded_rank = served.model == kSdpaModelName ? 4 : 3;
  if (!inputs.queries.has_value() || inputs.q_lengths.size() < 2) return false;
  std::vector<Shape*> shapes;
  for (auto* tensor : {&inputs.queries, &inputs.keys, &inputs.values}) {
    if (tensor->has_value()) shapes.push_back(&(*tensor)->view.shape);
  }
  for (const Shape* shape : shapes) {
    if (shape->rank() != padded_rank || (*shape)[0] != 1) return false;
  }
  for (Shape* shape : shapes) {
    const std::vector<std::int64_t>& dims = shape->dims();
    *shape = Shape(std::vector<std::int64_t>(dims.begin() + 1, dims.end()));
  }
  return true;
}

// Takes the tensors.
absl::Status ReadInputs(InferTensors& tensors, const ServedName& served,
                        const ParameterReader& parameters, InferInputs& read) {
  RequestInputs& inputs = read.inputs;
  inputs.queries = std::move(tensors[InputName::kQueries]);
  inputs.keys = std::move(tensors[InputName::kKeys]);
  inputs.values = std::move(tensors[InputName::kValues]);
  inputs.attn_mask = std::move(tensors[InputName::kAttnMask]);
  ATTENTION_ASSIGN_OR_RETURN(
      inputs.q_lengths,
      ReadLengths("q_lengths", tensors[InputName::kQLengths], parameters));
  ATTENTION_ASSIGN_OR_RETURN(
      inputs.kv_lengths,
      ReadLengths("kv_lengths", tensors[InputName::kKvLengths], parameters));
  read.batch_of_one = TakePackedOut(served, inputs);
  for (const PlacedTensor& tensor : tensors.placed) {
    read.regions.push_back(tensor.place.bytes);
  }
  return absl::OkStatus();
}

// The kernel writes elements of two bytes at even addresses only.
absl::Status CheckAddress(const std::string& name, const RegionUse& place) {
  if (reinterpret_cast<std::uintptr_t>(place.bytes.data.get()) % 2 == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": shared_memory_offset ", place.offset,
                   " puts it at an odd address; choose a multiple of its "
                   "elements' size"));
}

absl::Status PlaceOutputs(InferInputs& read) {
  bool wants_weights = false;
  for (const InferOutput& output : read.outputs) {
    wants_weights = wants_weights || output.is_weights;
    if (!output.place.has_value()) continue;
    ATTENTION_RETURN_IF_ERROR(CheckAddress(output.name(), *output.place));
    const SharedBytes& bytes = output.place->bytes;
    read.regions.push_back(bytes);
    auto& place = output.is_weights ? read.inputs.attn_weights_place
                                    : read.inputs.contexts_place;
    place = OutputPlace{.data = bytes.data, .bytes = bytes.bytes};
  }
  if (!wants_weights) read.inputs.attn_weights = AttnWeights::kNone;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InferInputs> ReadInferInputs(const InferMessage& message,
                                            const ServedName& served,
                                            const ClientRegions& regions) {
  InferInputs read;
  read.inputs.id = message.header.id();
  const ParameterReader parameters("request", message.header.parameters());
  ATTENTION_RETURN_IF_ERROR(ReadOptions(parameters, served, read));
  ATTENTION_ASSIGN_OR_RETURN(InferTensors tensors,
                             ReadTensors(message, regions));
  ATTENTION_RETURN_IF_ERROR(ReadInputs(tensors, served, parameters, read));
  ATTENTION_ASSIGN_OR_RETURN(read.outputs,
                             ReadOutputs(message.header, served, regions));
  ATTENTION_RETURN_IF_ERROR(CheckNoOverlap(tensors.placed, read.outputs));
  ATTENTION_RETURN_IF_ERROR(PlaceOutputs(read));
  return read;
}

}  // namespace attention::oip
