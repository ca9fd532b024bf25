// Rows of f32 on their way into products of bf16.
//
// REQUIRES, for all: HasBf16Products().
#ifndef CORE_ATTENTION_BF16_ROWS_H_
#define CORE_ATTENTION_BF16_ROWS_H_

#include <cstdint>

#include "core/attention/tile_view.h"

namespace attention {

// Row-major bf16; row r starts at data + r * stride.
struct Bf16View {
  const std::uint16_t* data = nullptr;
  std::int64_t stride = 0;
};

struct MutableBf16View {
  std::uint16_t* data = nullptr;
  std::int64_t stride = 0;
};

// to[r, c] = from[r, c] * factors[r], rounded to nearest even, and to 0 below
// 2^-126 where the CPU does that; `to` need not be
// aligned. Thread-safe.
void RoundRows(TileView from, const float* factors, std::int64_t rows,
               std::int64_t columns, MutableBf16View to);

// Row r becomes half of row (first_row + r) / 2 of `to`, whose lanes hold an
// even row's element below and the next row's above: the right-hand side of
// MultiplyTile. Thread-safe, also for rows that share lanes.
void PairRows(Bf16View from, std::int64_t first_row, std::int64_t rows,
              std::int64_t columns, MutableTileView to);

}  // namespace attention

#endif  // CORE_ATTENTION_BF16_ROWS_H_
