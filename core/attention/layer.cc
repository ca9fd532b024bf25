#include "core/attention/layer.h"

#include <utility>

#include "absl/memory/memory.h"
#include "core/base/slab.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// Of all weights and biases as f32, with room for each to be padded a little.
std::size_t PackedBytes(const ProjectionWeights& weights) {
  std::int64_t elements = 0;
  for (const LinearWeights* linear :
       {&weights.q_proj, &weights.k_proj, &weights.v_proj, &weights.out_proj}) {
    const Shape& shape = linear->weight.shape;
    elements += shape[0] * (shape[1] + 1);
  }
  return static_cast<std::size_t>(elements + elements / 64) * sizeof(float);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const AttentionLayer>> AttentionLayer::Create(
    const AttentionSpec& spec, const ProjectionWeights& weights) {
  ATTENTION_RETURN_IF_ERROR(spec.Validate());
  ATTENTION_RETURN_IF_ERROR(weights.Validate(spec));
  auto layer = absl::WrapUnique(new AttentionLayer);
  layer->spec_ = spec;
  // All chunks side by side: the huge pages under them save TLB misses.
  Slab slab(PackedBytes(weights));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->q_proj_, Projection::Create(weights.q_proj, spec.head_dim, slab));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->k_proj_, Projection::Create(weights.k_proj, spec.head_dim, slab));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->v_proj_,
      Projection::Create(weights.v_proj, spec.v_head_dim, slab));
  ATTENTION_ASSIGN_OR_RETURN(layer->out_proj_,
                             Projection::Create(weights.out_proj, 1, slab));
  return layer;
}

}  // namespace attention
