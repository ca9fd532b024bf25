// Multi-head attention in double precision: slow, obvious, and written apart
// from the kernel that it judges.
#ifndef CORE_ATTENTION_REFERENCE_H_
#define CORE_ATTENTION_REFERENCE_H_

#include <vector>

#include "core/attention/attention_spec.h"
#include "core/attention/projection_weights.h"
#include "core/attention/sequence.h"

namespace attention {

struct ReferenceResult {
  // [q_len, embed_dim], or [q_len, num_heads * v_head_dim] without weights.
  std::vector<double> contexts;
  // [num_heads, q_len, kv_len], whatever the sequence asks for.
  std::vector<double> attn_weights;
};

// Attends over one sequence. Its output views are not touched. `weights` may
// be null, which is `sdpa`. Thread-safe.
ReferenceResult ReferenceAttention(const AttentionSpec& spec,
                                   const ProjectionWeights* weights,
                                   const Sequence& sequence);

// The mean of attn_weights over the heads: [q_len, kv_len].
std::vector<double> HeadAverage(const AttentionSpec& spec,
                                const Sequence& sequence,
                                const std::vector<double>& attn_weights);

}  // namespace attention

#endif  // CORE_ATTENTION_REFERENCE_H_
