// One attention layer, ready to run: projections packed for the kernel.
#ifndef CORE_ATTENTION_LAYER_H_
#define CORE_ATTENTION_LAYER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/attention/attention_spec.h"
#include "core/attention/projection.h"
#include "core/attention/projection_weights.h"

namespace attention {

// Immutable after creation; thread-safe.
class AttentionLayer {
 public:
  // Packs the weights. The weights are copied: `weights` may go.
  static absl::StatusOr<std::unique_ptr<const AttentionLayer>> Create(
      const AttentionSpec& spec, const ProjectionWeights& weights);

  const AttentionSpec& spec() const { return spec_; }
  const Projection& q_proj() const { return q_proj_; }
  const Projection& k_proj() const { return k_proj_; }
  const Projection& v_proj() const { return v_proj_; }
  const Projection& out_proj() const { return out_proj_; }

 private:
  AttentionLayer() = default;

  AttentionSpec spec_;
  Projection q_proj_;
  Projection k_proj_;
  Projection v_proj_;
  Projection out_proj_;
};

}  // namespace attention

#endif  // CORE_ATTENTION_LAYER_H_
