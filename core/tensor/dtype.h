// Element types of tensors.
#ifndef CORE_TENSOR_DTYPE_H_
#define CORE_TENSOR_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace attention {

// The types that a safetensors file can hold and this project can read. Only
// kF32, kF16 and kBF16 are embeddings and parameters; kBool is for masks.
// Values are little-endian wherever they are stored.
enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kBool,  // one byte, 0 or 1
  kF64,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
};

// Bytes of one element.
std::size_t DTypeSize(DType dtype);

// The name in a safetensors header, for example "F32".
absl::string_view DTypeName(DType dtype);

// The type of that name, nothing when it is not one of the above.
std::optional<DType> ParseDType(absl::string_view name);

// True for kF32, kF16 and kBF16.
bool IsFloating(DType dtype);

}  // namespace attention

#endif  // CORE_TENSOR_DTYPE_H_
