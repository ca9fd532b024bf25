// A layer with random weights and a batch of random sequences for it.
#ifndef TESTS_BENCH_LAYER_WORKLOAD_H_
#define TESTS_BENCH_LAYER_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine/engine.h"
#include "core/model/model.h"

namespace attention {

struct LayerShape {
  std::int64_t batch = 1;
  std::int64_t length = 1;
  std::int64_t embed_dim = 1;
  std::int64_t num_heads = 1;
  AttnWeights attn_weights = AttnWeights::kNone;
  bool is_causal = false;
};

// Self-attention in f32. Not thread-safe.
class LayerWorkload {
 public:
  explicit LayerWorkload(const LayerShape& shape);

  const std::shared_ptr<const Model>& model() const { return model_; }
  const std::vector<float>& queries() const { return queries_; }

  // Floating-point operations that the layer cannot do without: 8 B S E^2 for
  // the projections, 4 E for each pair of a query and a key that takes part.
  double Flops() const;

  // A request for the batch, answered into this object's memory.
  AttentionRequest Request();

  // Submits it and waits. Dies on an error: a benchmark has no use for one.
  void Run(Engine& engine);

 private:
  LayerShape shape_;
  std::shared_ptr<const Model> model_;
  std::vector<float> queries_;
  std::vector<float> contexts_;
  std::vector<float> attn_weights_;
};

// A model with random weights. `heads` divides `embed_dim`.
std::shared_ptr<const Model> RandomModel(std::int64_t embed_dim,
                                         std::int64_t heads);

}  // namespace attention

#endif  // TESTS_BENCH_LAYER_WORKLOAD_H_
