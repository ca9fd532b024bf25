#include "core/tensor/dtype.h"

namespace attention {
namespace {

struct DTypeInfo {
  DType dtype;
  absl::string_view name;
  std::size_t size;
};

// In the order of the enumerators.
constexpr DTypeInfo kDTypes[] = {
    {DType::kF32, "F32", 4},   {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2}, {DType::kBool, "BOOL", 1},
    {DType::kF64, "F64", 8},   {DType::kI64, "I64", 8},
    {DType::kI32, "I32", 4},   {DType::kI16, "I16", 2},
    {DType::kI8, "I8", 1},     {DType::kU64, "U64", 8},
    {DType::kU32, "U32", 4},   {DType::kU16, "U16", 2},
    {DType::kU8, "U8", 1},
};

const DTypeInfo& Info(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t DTypeSize(DType dtype) { return Info(dtype).size; }

absl::string_view DTypeName(DType dtype) { return Info(dtype).name; }

std::optional<DType> ParseDType(absl::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name) return info.dtype;
  }
  return std::nullopt;
}

bool IsFloating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

}  // namespace attention
