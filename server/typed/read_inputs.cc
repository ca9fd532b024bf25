#include "server/typed/read_inputs.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/typed/convert_tensor.h"

namespace attention {
namespace {

absl::StatusOr<AttnWeights> ConvertKind(v1::AttnWeights kind) {
  switch (kind) {
    case v1::ATTN_WEIGHTS_NONE:
      return AttnWeights::kNone;
    case v1::ATTN_WEIGHTS_HEAD_AVERAGE:
      return AttnWeights::kHeadAverage;
    case v1::ATTN_WEIGHTS_PER_HEAD:
      return AttnWeights::kPerHead;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "attn_weights is ", static_cast<int>(kind),
          ", allowed are ATTN_WEIGHTS_NONE, ATTN_WEIGHTS_HEAD_AVERAGE and "
          "ATTN_WEIGHTS_PER_HEAD"));
  }
}

absl::Status ReadTensors(const v1::AttendRequest& request,
                         RequestInputs& inputs) {
  constexpr auto kFloating = AllowedDTypes::kFloating;
  if (request.has_queries()) {
    ATTENTION_ASSIGN_OR_RETURN(
        inputs.queries, ReadTensor("queries", request.queries(), kFloating));
  }
  if (request.has_keys()) {
    ATTENTION_ASSIGN_OR_RETURN(inputs.keys,
                               ReadTensor("keys", request.keys(), kFloating));
  }
  if (request.has_values()) {
    ATTENTION_ASSIGN_OR_RETURN(
        inputs.values, ReadTensor("values", request.values(), kFloating));
  }
  if (request.has_attn_mask()) {
    ATTENTION_ASSIGN_OR_RETURN(inputs.attn_mask,
                               ReadTensor("attn_mask", request.attn_mask(),
                                          AllowedDTypes::kFloatingOrBool));
  }
  return absl::OkStatus();
}

// Absent for DTYPE_UNSPECIFIED.
absl::StatusOr<std::optional<DType>> ReadDType(absl::string_view field,
                                               v1::DType dtype,
                                               AllowedDTypes allowed) {
  if (dtype == v1::DTYPE_UNSPECIFIED) return std::nullopt;
  return ConvertDType(field, dtype, DType::kF32, allowed);
}

}  // namespace

absl::StatusOr<RequestInputs> ReadInputs(const v1::AttendRequest& request) {
  RequestInputs inputs;
  inputs.id = request.id();
  ATTENTION_RETURN_IF_ERROR(ReadTensors(request, inputs));
  inputs.q_lengths.assign(request.q_lengths().begin(),
                          request.q_lengths().end());
  inputs.kv_lengths.assign(request.kv_lengths().begin(),
                           request.kv_lengths().end());
  inputs.is_causal = request.is_causal();
  if (request.has_scale()) inputs.scale = request.scale();
  inputs.residual = request.residual();
  ATTENTION_ASSIGN_OR_RETURN(inputs.attn_weights,
                             ConvertKind(request.attn_weights()));
  ATTENTION_ASSIGN_OR_RETURN(inputs.output_dtype,
                             ReadDType("output_dtype", request.output_dtype(),
                                       AllowedDTypes::kFloating));
  ATTENTION_ASSIGN_OR_RETURN(inputs.compute_dtype,
                             ReadDType("compute_dtype", request.compute_dtype(),
                                       AllowedDTypes::kCompute));
  return inputs;
}

}  // namespace attention
