#include "core/attention/layer.h"

#include <utility>

#include "absl/memory/memory.h"
#include "core/base/slab.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// Of all weights and biases, with room for each to be padded a little.
std::size_t PackedBytes(const ProjectionWeights& weights, DType dtype) {
  std::int64_t bytes = 0;
  const auto size = static_cast<std::int64_t>(DTypeSize(dtype));
  for (const LinearWeights* linear :
       {&weights.q_proj, &weights.k_proj, &weights.v_proj, &weights.out_proj}) {
    const Shape& shape = linear->weight.shape;
    bytes += shape[0] * (shape[1] * size + 4);
  }
  return static_cast<std::size_t>(bytes + bytes / 64);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const AttentionLayer>> AttentionLayer::Create(
    const AttentionSpec& spec, const ProjectionWeights& weights) {
  ATTENTION_RETURN_IF_ERROR(spec.Validate());
  ATTENTION_RETURN_IF_ERROR(weights.Validate(spec));
  auto layer = absl::WrapUnique(new AttentionLayer);
  layer->spec_ = spec;
  // All chunks side by side: the huge pages under them save TLB misses.
  const DType dtype = spec.compute_dtype;
  Slab slab(PackedBytes(weights, dtype));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->q_proj_,
      Projection::Create(weights.q_proj, spec.head_dim, dtype, slab));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->k_proj_,
      Projection::Create(weights.k_proj, spec.head_dim, dtype, slab));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->v_proj_,
      Projection::Create(weights.v_proj, spec.v_head_dim, dtype, slab));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->out_proj_, Projection::Create(weights.out_proj, 1, dtype, slab));
  return layer;
}

}  // namespace attention
