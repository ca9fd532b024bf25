// A row-major matrix of f32 somewhere in memory, or of lanes as large that each
// hold two bf16.
#ifndef CORE_ATTENTION_TILE_VIEW_H_
#define CORE_ATTENTION_TILE_VIEW_H_

#include <cstdint>

namespace attention {

// Row r starts at data + r * stride.
struct TileView {
  const float* data = nullptr;
  std::int64_t stride = 0;
};

struct MutableTileView {
  float* data = nullptr;
  std::int64_t stride = 0;
};

}  // namespace attention

#endif  // CORE_ATTENTION_TILE_VIEW_H_
