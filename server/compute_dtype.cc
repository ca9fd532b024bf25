#include "server/compute_dtype.h"

#include "absl/strings/ascii.h"

namespace attention {

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
