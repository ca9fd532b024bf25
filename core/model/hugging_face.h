// Attention layers under the names of Hugging Face's BERT family; private to
// the loader.
#ifndef CORE_MODEL_HUGGING_FACE_H_
#define CORE_MODEL_HUGGING_FACE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/json_file.h"
#include "core/model/model.h"
#include "core/tensor/dtype.h"

namespace attention {

// True when there is a tensor
// [PREFIX.]encoder.layer.N.attention.self.{query,key,value}.*.
bool HasBertLayers(const Checkpoint& checkpoint);

// Layer N becomes the model NAME/N. Widths and heads are hidden_size and
// num_attention_heads of `config`; all layers from 0 on must be there, and
// num_hidden_layers of them when `config` says how many. All compute in
// `compute_dtype`.
absl::StatusOr<std::vector<std::shared_ptr<const Model>>> LoadBertModels(
    const std::string& name, const Checkpoint& checkpoint,
    const JsonFile& config, DType compute_dtype);

}  // namespace attention

#endif  // CORE_MODEL_HUGGING_FACE_H_
