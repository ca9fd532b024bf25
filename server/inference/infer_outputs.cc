#include "server/inference/infer_outputs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"

namespace attention::oip {
namespace {

using WireOutput = ::inference::ModelInferRequest_InferRequestedOutputTensor;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("outputs: ", parts...));
}

absl::StatusOr<InferOutput> ReadOutput(const WireOutput& wanted,
                                       const ServedName& served,
                                       const ClientRegions& regions) {
  InferOutput output = {.is_weights = wanted.name() == kAttnWeightsName};
  if (!output.is_weights && wanted.name() != kContextsName) {
    return Invalid("there is no ", Quote(wanted.name()), ", allowed are ",
                   kContextsName, " and, of ", served.model, kWeightsSuffix,
                   ", ", kAttnWeightsName);
  }
  if (output.is_weights && !served.has_weights) {
    return Invalid(served.model, " has no ", kAttnWeightsName, ", ask ",
                   served.model, kWeightsSuffix);
  }
  // Labels in the place of numbers would be another answer.
  if (wanted.parameters().contains("classification")) {
    return Invalid(wanted.name(),
                   " has no classes, leave out the parameter classification");
  }
  ATTENTION_ASSIGN_OR_RETURN(
      output.place,
      ReadRegionUse(ParameterReader(wanted.name(), wanted.parameters()),
                    regions));
  return output;
}

}  // namespace

absl::StatusOr<std::vector<InferOutput>> ReadOutputs(
    const ::inference::ModelInferRequest& request, const ServedName& served,
    const ClientRegions& regions) {
  std::vector<InferOutput> outputs;
  for (const WireOutput& wanted : request.outputs()) {
    ATTENTION_ASSIGN_OR_RETURN(InferOutput output,
                               ReadOutput(wanted, served, regions));
    const bool is_again = std::any_of(
        outputs.begin(), outputs.end(), [&output](const InferOutput& other) {
          return other.is_weights == output.is_weights;
        });
    if (is_again) return Invalid(wanted.name(), " is asked for twice");
    outputs.push_back(std::move(output));
  }
  if (outputs.empty()) {
    outputs.push_back({.is_weights = false});
    if (served.has_weights) outputs.push_back({.is_weights = true});
  }
  return outputs;
}

}  // namespace attention::oip
