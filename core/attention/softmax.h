// Softmax over tiles of scores, in the exp2 domain.
//
// Scores come multiplied by log2(e), so that softmax(x) is 2^(x - shift) / sum,
// where shift is the largest score, rounded up to a whole number: then 2^shift
// is exact, and so is going from one shift to another.
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

// What is known of each row so far. Before the first block: shift -Inf, sum 0.
struct SoftmaxState {
  float* shift = nullptr;    // [rows], the largest score seen, rounded up
  float* sum = nullptr;      // [rows], of 2^(score - shift)
  float* rescale = nullptr;  // [rows], out: 2^(shift before - shift after)
};

// Replaces scores with 2^(score - shift) where the shift is over the blocks and
// what the state holds; what is below 2^-126 is between it and 0, and keys at
// or beyond limits[row] get 0. Updates the state; what was summed with the old
// shift is to be multiplied by `rescale`. A row whose scores are all -Inf gets
// zeros; NaN and +Inf make their row's sum NaN, and as f32 all of it.
// Results are written as `dtype`: kF32, or kBF16 (REQUIRES: HasBf16Products()),
// then into the first half of their row; sums are of f32 either way.
// Thread-safe.
void SoftmaxTile(std::span<const ScoreBlock> blocks, std::int64_t rows,
                 const std::int64_t* limits, DType dtype,
                 const SoftmaxState& state);

}  // namespace attention

#endif  // CORE_ATTENTION_SOFTMAX_H_
