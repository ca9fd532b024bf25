// Attention layers from the state dict of torch.nn.MultiheadAttention; private
// to the loader.
#ifndef CORE_MODEL_TORCH_MHA_H_
#define CORE_MODEL_TORCH_MHA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/tensor/dtype.h"

namespace attention {

// True when there is a tensor [PREFIX.]in_proj_weight, or one of q_proj_weight,
// k_proj_weight and v_proj_weight.
bool HasTorchMha(const Checkpoint& checkpoint);

// One layer becomes the model NAME, several become NAME/0, NAME/1, ... in the
// natural order of their prefixes. The number of heads is `num_heads` of the
// checkpoint's metadata, or of the JSON file at `config_path`, which is opened
// only then. All compute in `compute_dtype`.
absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadTorchMha(
    const std::string& name, const Checkpoint& checkpoint,
    const std::string& config_path, DType compute_dtype);

}  // namespace attention

#endif  // CORE_MODEL_TORCH_MHA_H_
