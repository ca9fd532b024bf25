// How one ragged batch is cut into tiles.
#ifndef CORE_ATTENTION_LAYER_PLAN_H_
#define CORE_ATTENTION_LAYER_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/attention/arena_layout.h"
#include "core/attention/attention_spec.h"
#include "core/attention/layer.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_graph.h"
#include "core/attention/tile_kind.h"

namespace attention {

// Keys are scored in blocks of this many: a block of keys and one of values
// stay in the second-level cache, up to head_dim 64 with room to read the next
// ahead.
inline constexpr std::int64_t kKeyBlock = 512;

// One piece of work. Rows are those of the batch, for kAttend the query rows of
// its sequence. Parts are chunks of the projection, for `sdpa` heads, for
// kAttend key and value heads.
struct PlannedTile {
  TileKind kind = TileKind::kQueries;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_part = 0;
  std::int64_t end_part = 0;
  // kGather only: whose rows, kQueries, kKeys or kValues.
  TileKind rows_of = TileKind::kQueries;
};

struct LayerPlan {
  ArenaLayout arena;
  std::vector<PlannedTile> tiles;  // tiles[i] is graph.tiles[i]
  TileGraph graph;
  // Rows of a projection tile.
  std::int64_t tile_rows = 0;
};

// Plans the batch for `num_workers`, which changes how finely it is cut but no
// result. `layer` is null for `sdpa`.
LayerPlan PlanLayer(const AttentionSpec& spec, const AttentionLayer* layer,
                    std::span<const Sequence> sequences, int num_workers);

}  // namespace attention

#endif  // CORE_ATTENTION_LAYER_PLAN_H_
