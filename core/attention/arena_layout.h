// Where a batch lies in its arena: one block of memory for all that is between
// the requests' inputs and their answers.
#ifndef CORE_ATTENTION_ARENA_LAYOUT_H_
#define CORE_ATTENTION_ARENA_LAYOUT_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/attention/attention_spec.h"
#include "core/attention/layer.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_kind.h"
#include "core/attention/tile_product.h"
#include "core/attention/tile_view.h"

namespace attention {

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
struct SequencePlace {
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
};

struct ArenaLayout {
  std::vector<SequencePlace> sequences;
  std::int64_t q_rows = 0;   // of the batch, without padding
  std::int64_t kv_rows = 0;  // likewise
  HeadRows queries;
  HeadRows values;  // f32 only
  // Offset of contexts [q_rows padded, num_heads * v_head_dim], dense, of
  // compute_dtype; none in `sdpa`.
  std::int64_t contexts = 0;
  // Offsets of rows gathered as compute_dtype, [rows padded, in_features],
  // dense. Others are read where they are, or gathered by each tile.
  struct Inputs {
    std::int64_t queries = kInPlace;
    std::int64_t keys = kInPlace;
    std::int64_t values = kInPlace;

    static constexpr std::int64_t kInPlace = -1;
    std::int64_t Of(TileKind kind) const;
  };
  Inputs inputs;
  // Of the whole arena.
  std::int64_t lanes = 0;

  // q_rows or kv_rows.
  std::int64_t RowsOf(TileKind kind) const {
    return HasQueryRows(kind) ? q_rows : kv_rows;
  }
};

// Lays out the batch. `layer` is null for `sdpa`.
ArenaLayout LayOutArena(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences);

// Lanes of arena that the plan of `sequences` takes, or a little more, in bf16
// up to three times their inputs more, because beside other sequences none may
// be shared or read in place: the sum over the sequences one by one bounds that
// of a batch of them. `layer` is null for `sdpa`.
std::int64_t ArenaLanes(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences);

// Tiles of rows are padded to a multiple of this for the sake of every
// projection.
std::int64_t RowMultiple(const AttentionLayer* layer);

}  // namespace attention

#endif  // CORE_ATTENTION_ARENA_LAYOUT_H_
