#include "core/attention/attention_spec.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/attention/isa.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

absl::Status CheckRange(absl::string_view what, std::int64_t value,
                        std::int64_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", value, ", must be from 1 to ", max));
}

absl::Status CheckComputeDType(const AttentionSpec& spec) {
  if (spec.compute_dtype == DType::kF32) return absl::OkStatus();
  if (spec.compute_dtype != DType::kBF16) {
    return absl::InvalidArgumentError(
        absl::StrCat("compute_dtype is ", ComputeDTypeName(spec.compute_dtype),
                     ", must be f32 or bf16"));
  }
  if (spec.head_dim % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("head_dim is ", spec.head_dim,
                     ", must be even for compute_dtype bf16; f32 takes any"));
  }
  if (!HasBf16Products()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "compute_dtype bf16 needs AVX512_BF16, which this CPU lacks or "
        "max-isa forbids: in use is ",
        IsaInUse(), "; compute_dtype f32 runs everywhere"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AttentionSpec::Validate() const {
  ATTENTION_RETURN_IF_ERROR(CheckRange("num_heads", num_heads, kMaxHeads));
  ATTENTION_RETURN_IF_ERROR(
      CheckRange("num_kv_heads", num_kv_heads, kMaxHeads));
  ATTENTION_RETURN_IF_ERROR(CheckRange("head_dim", head_dim, kMaxHeadDim));
  ATTENTION_RETURN_IF_ERROR(CheckRange("v_head_dim", v_head_dim, kMaxHeadDim));
  if (num_heads % num_kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_heads is ", num_heads,
                     ", must be a multiple of num_kv_heads ", num_kv_heads));
  }
  return CheckComputeDType(*this);
}

double AttentionSpec::DefaultScale() const {
  return 1 / std::sqrt(static_cast<double>(head_dim));
}

std::optional<DType> ParseComputeDType(absl::string_view name) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    if (name == ComputeDTypeName(dtype)) return dtype;
  }
  return std::nullopt;
}

std::string ComputeDTypeName(DType dtype) {
  return absl::AsciiStrToLower(DTypeName(dtype));
}

}  // namespace attention
