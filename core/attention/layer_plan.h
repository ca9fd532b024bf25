// How one ragged batch is laid out in memory and cut into tiles.
#ifndef CORE_ATTENTION_LAYER_PLAN_H_
#define CORE_ATTENTION_LAYER_PLAN_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/attention/attention_spec.h"
#include "core/attention/layer.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_graph.h"
#include "core/attention/tile_product.h"
#include "core/attention/tile_view.h"

namespace attention {

// Keys are scored in blocks of this many: a block of keys and one of values
// stay in the second-level cache, with room to read the next ahead.
inline constexpr std::int64_t kKeyBlock = 256;

constexpr std::int64_t RoundUp(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Where heads of all rows of a batch lie in the arena: as the projection leaves
// them, one chunk of its columns after another, each [rows, its columns]. A
// chunk holds whole heads. Offsets and columns are lanes (see tile_product.h).
struct HeadRows {
  std::int64_t offset = 0;
  std::int64_t rows = 0;     // those of the batch, and padding
  std::int64_t columns = 0;  // of all heads
  std::int64_t chunk_columns = 0;
  std::int64_t head_dim = 0;

  // Where row `row` of chunk `chunk` begins.
  std::int64_t RowOffset(std::int64_t chunk, std::int64_t row) const {
    return offset + chunk * rows * chunk_columns + row * Stride(chunk);
  }

  // The last chunk may have fewer columns than the others.
  std::int64_t Stride(std::int64_t chunk) const {
    return std::min(chunk_columns, columns - chunk * chunk_columns);
  }

  // Head `head` from row `row` on: [.., head_dim].
  TileView Head(const float* arena, std::int64_t head, std::int64_t row) const {
    const std::int64_t chunk = head * head_dim / chunk_columns;
    return {arena + RowOffset(chunk, row) + head * head_dim % chunk_columns,
            Stride(chunk)};
  }
};

// Where one sequence stands in the batch.
struct SequencePlan {
  std::int64_t first_q = 0;   // among the query rows of the batch
  std::int64_t first_kv = 0;  // among its key and value rows
  // Keys, scaled by scale * log2(e): [num_kv_heads] of panels [head_dim in
  // lanes, kPanelColumns], the last one narrower, one after another. Padding is
  // zero.
  std::int64_t keys = 0;
  std::int64_t key_columns = 0;  // kv_len padded to kColumnMultiple
  // bf16 only: values [num_kv_heads, key_columns / 2, v_head_dim], where a lane
  // holds two neighbours of a column.
  std::int64_t values = 0;
  // Query rows that are scored at once.
  std::int64_t block_rows = 0;
};

enum class TileKind : std::uint8_t {
  kGather,    // round rows of queries, keys or values to bf16
  kQueries,   // project (or read) rows of queries
  kKeys,      // the same of keys, and pack them
  kValues,    // project (or read) rows of values
  kAttend,    // scores, softmax and contexts of some heads
  kContexts,  // out_proj of rows of contexts
};

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

// The projection that a tile of that kind multiplies with.
const Projection& ProjectionOf(const AttentionLayer& layer, TileKind kind);

// The rows of a request that a tile of that kind reads: kQueries, kKeys or
// kValues.
const RowsView& InputRows(const Sequence& sequence, TileKind kind);

struct LayerPlan {
  std::vector<SequencePlan> sequences;
  std::vector<PlannedTile> tiles;  // tiles[i] is graph.tiles[i]
  TileGraph graph;
  std::int64_t q_rows = 0;   // of the batch, without padding
  std::int64_t kv_rows = 0;  // likewise
  // Rows of a projection tile.
  std::int64_t tile_rows = 0;
  HeadRows queries;
  HeadRows values;  // f32 only
  // Offset of contexts [q_rows padded, num_heads * v_head_dim], dense, of
  // compute_dtype; none in `sdpa`.
  std::int64_t contexts = 0;
  // Offsets of rows gathered as bf16, [rows padded, in_features], dense. Others
  // are read where they are, or gathered by each tile.
  struct Inputs {
    std::int64_t queries = kInPlace;
    std::int64_t keys = kInPlace;
    std::int64_t values = kInPlace;

    static constexpr std::int64_t kInPlace = -1;
    std::int64_t Of(TileKind kind) const;
  };
  Inputs inputs;
  std::int64_t arena_lanes = 0;
};

// Lanes of arena that the plan of `sequences` takes, or a little more: the sum
// over the sequences one by one bounds that of a batch of them. `layer` is null
// for `sdpa`.
std::int64_t ArenaLanes(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences);

// Plans the batch for `num_workers`, which changes how finely it is cut but no
// result. `layer` is null for `sdpa`.
LayerPlan PlanLayer(const AttentionSpec& spec, const AttentionLayer* layer,
                    std::span<const Sequence> sequences, int num_workers);

}  // namespace attention

#endif  // CORE_ATTENTION_LAYER_PLAN_H_
