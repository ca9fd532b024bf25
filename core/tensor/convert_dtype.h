// Conversion between f32 and the floating types that tensors are stored in.
#ifndef CORE_TENSOR_CONVERT_DTYPE_H_
#define CORE_TENSOR_CONVERT_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "core/tensor/dtype.h"

namespace attention {

// Reads `count` elements of `dtype` (kF32, kF16 or kBF16, any alignment) at
// `from`. Exact. Thread-safe.
void ConvertToF32(const std::byte* from, DType dtype, std::int64_t count,
                  float* to);

// Writes `count` elements as `dtype` (kF32, kF16 or kBF16, any alignment) to
// `to`, rounding to nearest even; NaN stays NaN, too large becomes Inf.
// Thread-safe.
void ConvertFromF32(const float* from, std::int64_t count, DType dtype,
                    std::byte* to);

}  // namespace attention

#endif  // CORE_TENSOR_CONVERT_DTYPE_H_
