#include "core/attention/projection.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/tensor/convert_dtype.h"

namespace attention {
namespace {

// 64 columns of 768 rows of weights are 192 KiB, and their product with 256
// rows 64 KiB: both stay in the second-level cache. Wider chunks are no faster,
// of bf16 neither.
constexpr std::int64_t kTargetColumns = 64;

}  // namespace

absl::StatusOr<Projection> Projection::Create(const LinearWeights& weights,
                                              std::int64_t unit, DType dtype,
                                              Slab& slab) {
  Projection projection;
  projection.out_features_ = weights.weight.shape[0];
  projection.in_features_ = weights.weight.shape[1];
  projection.chunk_columns_ =
      unit * std::max<std::int64_t>(1, kTargetColumns / unit);

  const std::int64_t in = projection.in_features_;
  AlignedBuffer weight;
  AlignedBuffer bias;
  weight.Reserve(projection.chunk_columns_ * in * sizeof(float));
  bias.Reserve(projection.chunk_columns_ * sizeof(float));
  for (std::int64_t column = 0; column < projection.out_features_;
       column += projection.chunk_columns_) {
    const std::int64_t columns =
        std::min(projection.chunk_columns_, projection.out_features_ - column);
    const TensorView& w = weights.weight;
    const TensorView& b = weights.bias;
    ConvertToF32(
        w.data + column * in * static_cast<std::int64_t>(DTypeSize(w.dtype)),
        w.dtype, columns * in, weight.floats());
    if (b.data != nullptr) {
      ConvertToF32(
          b.data + column * static_cast<std::int64_t>(DTypeSize(b.dtype)),
          b.dtype, columns, bias.floats());
    }
    ATTENTION_ASSIGN_OR_RETURN(
        PackedMatrix chunk,
        PackedMatrix::Create(in, columns, dtype, weight.floats(),
                             b.data != nullptr ? bias.floats() : nullptr,
                             slab));
    projection.row_multiple_ =
        std::lcm(projection.row_multiple_, chunk.row_multiple());
    projection.chunks_.push_back(std::move(chunk));
  }
  return projection;
}

}  // namespace attention
