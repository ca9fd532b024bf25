// Models from files.
//
// Two layouts are read:
//  * Hugging Face: a directory with config.json and model.safetensors, or
//    model.safetensors.index.json and its shards, BERT names. Every layer
//    becomes a model NAME/LAYER.
//  * PyTorch: a .safetensors file (or a directory holding one as
//    model.safetensors) with the state dict of torch.nn.MultiheadAttention
//    under any prefix: in_proj_weight, or q_proj_weight, k_proj_weight and
//    v_proj_weight; in_proj_bias; out_proj.weight; out_proj.bias. The number of
//    heads is `num_heads` in the file's metadata or in a config.json beside it.
//    One attention layer becomes the model NAME; several become NAME/0, ... in
//    the natural order of their prefixes.
#ifndef CORE_MODEL_MODEL_LOADER_H_
#define CORE_MODEL_MODEL_LOADER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model.h"
#include "core/tensor/dtype.h"

namespace attention {

// Loads what is at `path` under the name `name`, to compute in `compute_dtype`,
// whatever type the file stores. Errors name the file, what is wrong with it
// and what would be right; what AttentionSpec::Validate says of the type is
// one.
absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadModels(
    const std::string& name, const std::string& path,
    DType compute_dtype = DType::kF32);

// The Hugging Face layout from memory that lives as long as the models, such as
// the demo model inside the server's binary.
absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadEmbeddedModels(
    const std::string& name, absl::string_view config_json,
    std::span<const std::byte> safetensors, DType compute_dtype = DType::kF32);

}  // namespace attention

#endif  // CORE_MODEL_MODEL_LOADER_H_
