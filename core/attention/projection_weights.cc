#include "core/attention/projection_weights.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

absl::Status CheckFloating(absl::string_view name, const TensorView& tensor) {
  if (IsFloating(tensor.dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", DTypeName(tensor.dtype), ", must be F32, F16 or BF16"));
}

// The weight must be [heads * head_width, in] with any positive `in`, and the
// bias, if there is one, must fit it.
absl::Status CheckInProjection(absl::string_view name,
                               const LinearWeights& linear, std::int64_t heads,
                               std::int64_t head_width) {
  const Shape& shape = linear.weight.shape;
  if (linear.weight.data == nullptr || shape.rank() != 2 || shape[1] < 1 ||
      shape[0] != heads * head_width) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ".weight is ", shape.ToString(), ", must be [", heads, " * ",
        head_width, ", inputs]: one row for each of ", heads, " heads of ",
        head_width));
  }
  return absl::OkStatus();
}

absl::Status CheckBias(absl::string_view name, const LinearWeights& linear) {
  if (linear.bias.data == nullptr) return absl::OkStatus();
  ATTENTION_RETURN_IF_ERROR(
      CheckFloating(absl::StrCat(name, ".bias"), linear.bias));
  const Shape expected{linear.weight.shape[0]};
  if (linear.bias.shape == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ".bias is ", linear.bias.shape.ToString(),
                   ", must be ", expected.ToString(), " as ", name,
                   ".weight is ", linear.weight.shape.ToString()));
}

std::int64_t Bytes(const TensorView& tensor) {
  if (tensor.data == nullptr) return 0;
  return tensor.shape.ElementCount().value_or(0) *
         static_cast<std::int64_t>(DTypeSize(tensor.dtype));
}

}  // namespace

std::int64_t ProjectionWeights::ParameterBytes() const {
  std::int64_t bytes = 0;
  for (const LinearWeights* linear : {&q_proj, &k_proj, &v_proj, &out_proj}) {
    bytes += Bytes(linear->weight) + Bytes(linear->bias);
  }
  return bytes;
}

absl::Status ProjectionWeights::Validate(const AttentionSpec& spec) const {
  ATTENTION_RETURN_IF_ERROR(spec.Validate());
  ATTENTION_RETURN_IF_ERROR(
      CheckInProjection("q_proj", q_proj, spec.num_heads, spec.head_dim));
  ATTENTION_RETURN_IF_ERROR(
      CheckInProjection("k_proj", k_proj, spec.num_kv_heads, spec.head_dim));
  ATTENTION_RETURN_IF_ERROR(
      CheckInProjection("v_proj", v_proj, spec.num_kv_heads, spec.v_head_dim));

  const Shape out_shape{embed_dim(), spec.num_heads * spec.v_head_dim};
  if (out_proj.weight.data == nullptr || out_proj.weight.shape != out_shape) {
    return absl::InvalidArgumentError(absl::StrCat(
        "out_proj.weight is ", out_proj.weight.shape.ToString(), ", must be ",
        out_shape.ToString(), ": [embed_dim, num_heads * v_head_dim]"));
  }
  struct Named {
    absl::string_view name;
    const LinearWeights* linear;
  };
  for (const Named& part :
       std::array{Named{"q_proj", &q_proj}, Named{"k_proj", &k_proj},
                  Named{"v_proj", &v_proj}, Named{"out_proj", &out_proj}}) {
    const TensorView& weight = part.linear->weight;
    ATTENTION_RETURN_IF_ERROR(
        CheckFloating(absl::StrCat(part.name, ".weight"), weight));
    if (weight.dtype != q_proj.weight.dtype) {
      return absl::InvalidArgumentError(absl::StrCat(
          part.name, ".weight is ", DTypeName(weight.dtype), ", must be ",
          DTypeName(q_proj.weight.dtype), " as q_proj.weight is"));
    }
    ATTENTION_RETURN_IF_ERROR(CheckBias(part.name, *part.linear));
  }
  return absl::OkStatus();
}

}  // namespace attention
