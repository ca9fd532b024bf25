// Masks as descriptors: which keys a row may see, and what is added to scores.
#ifndef CORE_ATTENTION_ATTN_MASK_H_
#define CORE_ATTENTION_ATTN_MASK_H_

#include <cstdint>

#include "core/attention/sequence.h"

namespace attention {

// The number of keys, counted from the first, that query `q` may see by length
// and causality alone. Keys beyond are never computed for a tile whose rows all
// exclude them.
inline std::int64_t KeyLimit(const Sequence& sequence, std::int64_t q) {
  if (!sequence.is_causal) return sequence.kv_len;
  return q + 1 < sequence.kv_len ? q + 1 : sequence.kv_len;
}

// Applies attn_mask to one row of scores in the exp2 domain: keys first_key ..
// first_key + count of head `head` and query `q`. Boolean: false becomes -Inf.
// Floating: log2(e) * mask is added, kept finite where the mask is.
void ApplyMaskRow(const AttnMaskView& mask, std::int64_t head, std::int64_t q,
                  std::int64_t first_key, std::int64_t count, float* scores);

}  // namespace attention

#endif  // CORE_ATTENTION_ATTN_MASK_H_
