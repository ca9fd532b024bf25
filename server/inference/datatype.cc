#include "server/inference/datatype.h"

#include <array>
#include <utility>

namespace attention::oip {
namespace {

constexpr std::array<std::pair<DType, absl::string_view>, 6> kDatatypes = {
    {{DType::kF32, "FP32"},
     {DType::kF16, "FP16"},
     {DType::kBF16, "BF16"},
     {DType::kBool, "BOOL"},
     {DType::kI64, "INT64"},
     {DType::kI32, "INT32"}}};

}  // namespace

std::optional<DType> ParseDatatype(absl::string_view name) {
  for (const auto& [dtype, dtype_name] : kDatatypes) {
    if (dtype_name == name) return dtype;
  }
  return std::nullopt;
}

absl::string_view DatatypeName(DType dtype) {
  for (const auto& [known, name] : kDatatypes) {
    if (known == dtype) return name;
  }
  return "";
}

}  // namespace attention::oip
