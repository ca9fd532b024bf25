#include "core/attention/layer.h"

#include <utility>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"

namespace attention {

absl::StatusOr<std::unique_ptr<const AttentionLayer>> AttentionLayer::Create(
    const AttentionSpec& spec, const ProjectionWeights& weights) {
  ATTENTION_RETURN_IF_ERROR(spec.Validate());
  ATTENTION_RETURN_IF_ERROR(weights.Validate(spec));
  auto layer = absl::WrapUnique(new AttentionLayer);
  layer->spec_ = spec;
  ATTENTION_ASSIGN_OR_RETURN(layer->q_proj_,
                             Projection::Create(weights.q_proj, spec.head_dim));
  ATTENTION_ASSIGN_OR_RETURN(layer->k_proj_,
                             Projection::Create(weights.k_proj, spec.head_dim));
  ATTENTION_ASSIGN_OR_RETURN(
      layer->v_proj_, Projection::Create(weights.v_proj, spec.v_head_dim));
  ATTENTION_ASSIGN_OR_RETURN(layer->out_proj_,
                             Projection::Create(weights.out_proj, 1));
  return layer;
}

}  // namespace attention
