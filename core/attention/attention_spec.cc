#include "core/attention/attention_spec.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

absl::Status CheckRange(absl::string_view what, std::int64_t value,
                        std::int64_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", value, ", must be from 1 to ", max));
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
  return absl::OkStatus();
}

double AttentionSpec::DefaultScale() const {
  return 1 / std::sqrt(static_cast<double>(head_dim));
}

}  // namespace attention
