#include "core/model/model.h"

#include <utility>

#include "core/base/status_macros.h"

namespace attention {

absl::StatusOr<std::shared_ptr<const Model>> Model::Create(
    std::string name, const AttentionSpec& spec, ProjectionWeights weights) {
  ATTENTION_RETURN_IF_ERROR(weights.Validate(spec));
  ATTENTION_ASSIGN_OR_RETURN(std::unique_ptr<const AttentionLayer> layer,
                             AttentionLayer::Create(spec, weights));
  std::shared_ptr<Model> model(new Model());
  model->name_ = std::move(name);
  model->spec_ = spec;
  model->weights_ = std::move(weights);
  model->layer_ = std::move(layer);
  return model;
}

}  // namespace attention
