// Rows of a tile times a factor each.
#ifndef CORE_ATTENTION_SCALE_ROWS_H_
#define CORE_ATTENTION_SCALE_ROWS_H_

#include <cstdint>

#include "core/attention/tile_view.h"

namespace attention {

// How results go to memory.
enum class Stores : std::uint8_t {
  kCached,
  // Past the caches, for what is large and not read soon: it saves reading the
  // old contents, and leaves keys and values cached.
  kStreaming,
};

// to[r, c] = from[r, c] * factors[r]. `from` and `to` may be the same.
// Thread-safe.
void ScaleRows(TileView from, const float* factors, std::int64_t rows,
               std::int64_t columns, Stores stores, MutableTileView to);

// to[r, c] += from[r, c] * factors[r]. Thread-safe.
void AddScaledRows(TileView from, const float* factors, std::int64_t rows,
                   std::int64_t columns, MutableTileView to);

}  // namespace attention

#endif  // CORE_ATTENTION_SCALE_ROWS_H_
