// Products of small dense tiles that stay in the caches.
//
// The two products of attention, scores and contexts, are too small for a
// general matrix multiplication: calling it, and waiting for keys and values
// from the last-level cache, costs as much as a tenth of them. Here a row of
// the result is one chain of multiply-adds over `depth` in order, so it has the
// same bits for any number of rows beside it.
#ifndef CORE_ATTENTION_TILE_PRODUCT_H_
#define CORE_ATTENTION_TILE_PRODUCT_H_

#include <cstddef>
#include <cstdint>

#include "core/attention/tile_view.h"
#include "core/tensor/dtype.h"

namespace attention {

// Rows of a product have room for a multiple of this: a vector of 512 bits.
inline constexpr std::int64_t kColumnMultiple = 16;

// Columns that share one pass over the rows. A right-hand side that is dense in
// panels of this many columns is read in order.
inline constexpr std::int64_t kPanelColumns = 64;

// Lanes of a cache line.
inline constexpr std::int64_t kLineLanes = 16;

// Memory that will be read soon: up to two ranges. Products bring it nearer as
// they go, a few cache lines at a time.
struct ReadAhead {
  struct Range {
    const float* next = nullptr;
    const float* end = nullptr;
  };
  Range now;
  Range then;
  // Lines at a time: more where the product is over before all are read, none
  // when they are.
  int lines = 1;
};

struct TileShape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t depth = 0;  // in lanes
};

// How many lines at a time bring all of `ahead` nearer in products that have
// `shape` together.
int LinesAtATime(const TileShape& shape, const ReadAhead& ahead);

// Elements of kF32 or kBF16 in a lane of 32 bits.
constexpr std::int64_t ElementsPerLane(DType dtype) {
  return dtype == DType::kBF16 ? 2 : 1;
}

// c [rows, columns] = a [rows, depth] . b [depth, columns], added to c when
// `accumulate`. What c has beyond `columns`, up to kColumnMultiple, is written
// too; of a and b nothing more is read. c is f32; a and b are lanes of `dtype`:
// f32, or two bf16 that are neighbours in a row of a and in a column of b
// (REQUIRES: HasBf16Products()). Thread-safe.
void MultiplyTile(DType dtype, const TileShape& shape, TileView a, TileView b,
                  bool accumulate, MutableTileView c, ReadAhead& ahead);

}  // namespace attention

#endif  // CORE_ATTENTION_TILE_PRODUCT_H_
