// Softmax over tiles of scores, in the exp2 domain.
//
// Scores come multiplied by log2(e), so that softmax(x) is 2^(x - max) / sum.
#ifndef CORE_ATTENTION_SOFTMAX_H_
#define CORE_ATTENTION_SOFTMAX_H_

#include <cstdint>
#include <span>

#include "core/tensor/dtype.h"

namespace attention {

// The scores of a block of query rows against `width` keys from `first_key`
// on: [rows, width], dense.
struct ScoreBlock {
  float* scores = nullptr;
  std::int64_t first_key = 0;
  std::int64_t width = 0;
};

// What is known of each row so far. Before the first block: max -Inf, sum 0.
struct SoftmaxState {
  float* max = nullptr;      // [rows], the largest score seen
  float* sum = nullptr;      // [rows], of 2^(score - max)
  float* rescale = nullptr;  // [rows], out: 2^(max before - max after)
};

// Replaces scores with 2^(score - max) where max is over the blocks and what
// the state holds; keys at or beyond limits[row] get 0. Updates the state; what
// was summed with the old max is to be multiplied by `rescale`. A row whose
// scores are all -Inf gets zeros; NaN makes its row NaN (its sum at least).
// Results are written as `dtype`: kF32, or kBF16 (REQUIRES: HasBf16Products()),
// then into the first half of their row; sums are of f32 either way.
// Thread-safe.
void SoftmaxTile(std::span<const ScoreBlock> blocks, std::int64_t rows,
                 const std::int64_t* limits, DType dtype,
                 const SoftmaxState& state);

}  // namespace attention

#endif  // CORE_ATTENTION_SOFTMAX_H_
