// One attention layer that can be served.
#ifndef CORE_MODEL_MODEL_H_
#define CORE_MODEL_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/attention/attention_spec.h"
#include "core/attention/layer.h"
#include "core/attention/projection_weights.h"

namespace attention {

// Immutable after creation; thread-safe. Shared by everybody who serves it.
class Model {
 public:
  // Checks the weights against the spec and packs them for the kernel.
  static absl::StatusOr<std::shared_ptr<const Model>> Create(
      std::string name, const AttentionSpec& spec, ProjectionWeights weights);

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::string& name() const { return name_; }
  const AttentionSpec& spec() const { return spec_; }
  const ProjectionWeights& weights() const { return weights_; }
  const AttentionLayer& layer() const { return *layer_; }

  std::int64_t embed_dim() const { return weights_.embed_dim(); }
  std::int64_t kdim() const { return weights_.kdim(); }
  std::int64_t vdim() const { return weights_.vdim(); }
  // As the file stores the weights.
  DType dtype() const { return weights_.q_proj.weight.dtype; }

 private:
  Model() = default;

  std::string name_;
  AttentionSpec spec_;
  ProjectionWeights weights_;
  std::unique_ptr<const AttentionLayer> layer_;
};

}  // namespace attention

#endif  // CORE_MODEL_MODEL_H_
