// Moving rows between tensors of requests and tiles of the kernel.
#ifndef CORE_ATTENTION_PACK_H_
#define CORE_ATTENTION_PACK_H_

#include <cstddef>
#include <cstdint>

#include "core/attention/scale_rows.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_view.h"
#include "core/tensor/dtype.h"

namespace attention {

// to[c, r] = from[r, c] * factor for `rows` rows of `columns` columns. The
// factor is not rounded to f32 first: an error common to all scores would not
// average out.
void TransposeScaled(TileView from, std::int64_t rows, std::int64_t columns,
                     double factor, MutableTileView to);

// to[c, r] = from[r, c] for lanes of anything.
void Transpose(TileView from, std::int64_t rows, std::int64_t columns,
               MutableTileView to);

// Where `count` elements of a request's tensor lie, the first of them at `row`
// and `column`, when that is one piece of memory; null otherwise. Of dense rows
// they may be several.
inline const std::byte* InOnePiece(const RowsView& rows, std::int64_t row,
                                   std::int64_t column, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(DTypeSize(rows.dtype));
  const std::int64_t offset = (row * rows.row_stride + column) * size;
  if (rows.fragments == nullptr) return rows.data + offset;
  return rows.fragments->Contiguous(rows.first_byte + offset, count * size);
}

// Reads [rows, columns] of a request's tensor, from row `first` and column
// `first_column` on, as `dtype` (kF32 or kBF16), dense.
void GatherRows(const RowsView& from, std::int64_t first,
                std::int64_t first_column, std::int64_t rows,
                std::int64_t columns, DType dtype, std::byte* to);

// Writes [rows, columns] of f32 into a request's tensor, at row `first` and
// column `first_column`; row r times factors[r] unless that is null. When
// `residual` is not null, what it holds at the same place is added before
// rounding. `stores` is advice.
void ScatterRows(TileView from, const float* factors, std::int64_t rows,
                 std::int64_t columns, const RowsView* residual, Stores stores,
                 const MutableRowsView& to, std::int64_t first,
                 std::int64_t first_column);

}  // namespace attention

#endif  // CORE_ATTENTION_PACK_H_
