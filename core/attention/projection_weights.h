// The parameters of one attention layer as a file stores them.
#ifndef CORE_ATTENTION_PROJECTION_WEIGHTS_H_
#define CORE_ATTENTION_PROJECTION_WEIGHTS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "core/attention/attention_spec.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// A Linear layer: y = x . weight^T + bias, as in torch.nn.Linear.
struct LinearWeights {
  TensorView weight{};  // [out, in], kF32, kF16 or kBF16
  TensorView bias{};    // [out]; data is null when there is none
};

// in_proj (as its three parts) and out_proj. The views point into memory that
// `storage` keeps alive.
struct ProjectionWeights {
  LinearWeights q_proj{};    // [num_heads * head_dim, embed_dim]
  LinearWeights k_proj{};    // [num_kv_heads * head_dim, kdim]
  LinearWeights v_proj{};    // [num_kv_heads * v_head_dim, vdim]
  LinearWeights out_proj{};  // [embed_dim, num_heads * v_head_dim]
  std::shared_ptr<const void> storage{};

  std::int64_t embed_dim() const { return q_proj.weight.shape[1]; }
  std::int64_t kdim() const { return k_proj.weight.shape[1]; }
  std::int64_t vdim() const { return v_proj.weight.shape[1]; }

  // Bytes of all weights and biases as stored.
  std::int64_t ParameterBytes() const;

  // InvalidArgument, naming the tensor, unless all shapes and dtypes fit each
  // other and `spec`.
  absl::Status Validate(const AttentionSpec& spec) const;
};

}  // namespace attention

#endif  // CORE_ATTENTION_PROJECTION_WEIGHTS_H_
