// Moving rows of heads into the dense tiles that the GEMM wants.
#ifndef CORE_ATTENTION_PACK_H_
#define CORE_ATTENTION_PACK_H_

#include <cstdint>

#include "core/attention/sequence.h"

namespace attention {

// Rows of f32 in memory: row r starts at data + r * stride.
struct F32Rows {
  const float* data = nullptr;
  std::int64_t stride = 0;
};

// to[r, c] = from[r, c] * factor, dense [rows, columns]. The factor is not
// rounded to f32 first: an error common to all scores would not average out.
void PackRows(F32Rows from, std::int64_t rows, std::int64_t columns,
              double factor, float* to);

// to[c, r] = from[r, c]: `rows` columns of a matrix with rows of `to_stride`.
void PackTransposed(F32Rows from, std::int64_t rows, std::int64_t columns,
                    float* to, std::int64_t to_stride);

// Reads rows first..first + rows of a request's tensor as f32, dense.
void GatherRows(const RowsView& from, std::int64_t first, std::int64_t rows,
                std::int64_t columns, float* to);

// Writes [rows, columns] of f32 into a request's tensor, at row `first` and
// column `first_column`. When `residual` is not null, what it holds at the same
// place is added before rounding.
void ScatterRows(F32Rows from, std::int64_t rows, std::int64_t columns,
                 const RowsView* residual, const MutableRowsView& to,
                 std::int64_t first, std::int64_t first_column);

}  // namespace attention

#endif  // CORE_ATTENTION_PACK_H_
