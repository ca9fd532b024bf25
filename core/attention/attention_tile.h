// The attention of one block of query rows over some heads of a sequence.
#ifndef CORE_ATTENTION_ATTENTION_TILE_H_
#define CORE_ATTENTION_ATTENTION_TILE_H_

#include <cstdint>

#include "core/attention/arena_layout.h"
#include "core/attention/attention_spec.h"
#include "core/attention/sequence.h"
#include "core/attention/worker_scratch.h"

namespace attention {

// A sequence whose heads are in the arena.
struct PackedSequence {
  const ArenaLayout& layout;
  const SequencePlace& placed;  // of `layout`
  const float* arena = nullptr;
};

// Query rows [first_row, first_row + rows) of the key and value heads
// [first_head, end_head) and the query heads that share them.
struct AttentionTile {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_head = 0;
  std::int64_t end_head = 0;
};

//   scores       = queries . keys^T, masked         [rows, kv_len]
//   attn_weights = softmax(scores)
//   contexts     = attn_weights . values            [rows, v_head_dim]
//
// With attention weights wanted the scores of all keys are kept (panel), else
// one block of keys at a time with a running maximum and sum (online softmax,
// arXiv:1805.02867), so that memory does not grow with kv_len.
//
// Contexts of query head h go to columns h * v_head_dim of `contexts`, whose
// first row is the sequence's first.
void RunAttentionTile(const AttentionSpec& spec, const Sequence& sequence,
                      const PackedSequence& packed, const AttentionTile& tile,
                      const MutableRowsView& contexts, const RowsView* residual,
                      WorkerScratch& scratch);

}  // namespace attention

#endif  // CORE_ATTENTION_ATTENTION_TILE_H_
