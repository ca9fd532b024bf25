#include "core/attention/isa.h"

#include "absl/strings/str_cat.h"
#include "core/attention/gemm.h"
#include "hwy/highway.h"

namespace attention {

std::optional<MaxIsa> ParseMaxIsa(absl::string_view name) {
  if (name == "any") return MaxIsa::kAny;
  if (name == "avx2") return MaxIsa::kAvx2;
  if (name == "avx512") return MaxIsa::kAvx512;
  return std::nullopt;
}

bool SetMaxIsa(MaxIsa max_isa) {
  if (max_isa == MaxIsa::kAny) return true;
  if (!LimitGemmIsa(max_isa == MaxIsa::kAvx2 ? GemmIsa::kAvx2
                                             : GemmIsa::kAvx512)) {
    return false;
  }
#if HWY_ARCH_X86
  // Targets are bits; a better one has a smaller value.
  const auto limit =
      static_cast<std::int64_t>(max_isa == MaxIsa::kAvx2 ? HWY_AVX2 : HWY_AVX3);
  hwy::DisableTargets(limit - 1);
#endif
  return true;
}

bool HasBf16Products() {
#if HWY_ARCH_X86
  // Kept, because asking the CPU takes microseconds in a virtual machine.
  static const bool has =
      GemmHasBf16() && (hwy::SupportedTargets() & (2 * HWY_AVX3 - 1)) != 0;
  return has;
#else
  return false;
#endif
}

std::string IsaInUse() {
  const std::int64_t best = hwy::SupportedTargets() & -hwy::SupportedTargets();
  return absl::StrCat(GemmIsaName(), ", ", hwy::TargetName(best), " (Highway ",
                      HWY_MAJOR, ".", HWY_MINOR, ".", HWY_PATCH, ")");
}

}  // namespace attention
