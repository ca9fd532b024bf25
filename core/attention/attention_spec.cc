#include "core/attention/attention_spec.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

absl::Status CheckHeads(absl::string_view what, std::int64_t heads) {
  if (heads >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", heads, ", must be at least 1"));
}

absl::Status CheckHeadWidth(absl::string_view what, std::int64_t width) {
  if (width >= 1 && width <= kMaxHeadDim) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", width, ", must be from 1 to ", kMaxHeadDim));
}

}  // namespace

absl::Status AttentionSpec::Validate() const {
  ATTENTION_RETURN_IF_ERROR(CheckHeads("num_heads", num_heads));
  ATTENTION_RETURN_IF_ERROR(CheckHeads("num_kv_heads", num_kv_heads));
  ATTENTION_RETURN_IF_ERROR(CheckHeadWidth("head_dim", head_dim));
  ATTENTION_RETURN_IF_ERROR(CheckHeadWidth("v_head_dim", v_head_dim));
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
