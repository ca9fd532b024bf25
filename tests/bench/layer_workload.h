// A layer and a batch of sequences for it, random or given.
#ifndef TESTS_BENCH_LAYER_WORKLOAD_H_
#define TESTS_BENCH_LAYER_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
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
  DType compute_dtype = DType::kF32;
};

// "B8/S128/E768/H12", and "/bf16", "/causal" and which weights are wanted.
std::string ShapeName(const LayerShape& shape);

// Sequences of any lengths. Rows of all sequences follow each other, and so do
// their attention weights, each [heads, q_len, kv_len].
struct BatchInputs {
  struct Lengths {
    std::int64_t queries = 1;
    std::int64_t keys = 1;
  };
  std::vector<Lengths> lengths{};
  AttnWeights attn_weights = AttnWeights::kNone;
  bool is_causal = false;
  std::vector<float> queries{};  // [sum of queries, embed_dim]
  // [sum of keys, embed_dim], also the values; empty in self-attention.
  std::vector<float> keys{};
};

// Inputs and outputs are f32. Not thread-safe.
class LayerWorkload {
 public:
  // Random weights and inputs.
  explicit LayerWorkload(const LayerShape& shape);

  // The tensors of `batch` have the sizes that its lengths say.
  LayerWorkload(std::shared_ptr<const Model> model, BatchInputs batch);

  const std::shared_ptr<const Model>& model() const { return model_; }
  const std::vector<float>& queries() const { return batch_.queries; }
  // What the last run answered.
  const std::vector<float>& contexts() const { return contexts_; }
  const std::vector<float>& attn_weights() const { return attn_weights_; }

  // Floating-point operations that the layer cannot do without: 4 E^2 for each
  // query and each key in the projections, 4 E for each pair of a query and a
  // key that takes part.
  double Flops() const;

  // A request for the batch, answered into this object's memory.
  AttentionRequest Request();

  // Submits it and waits. Dies on an error: a benchmark has no use for one.
  void Run(Engine& engine);

 private:
  // Heads of each sequence's attention weights.
  std::int64_t WeightHeads() const;

  std::shared_ptr<const Model> model_;
  BatchInputs batch_;
  std::vector<float> contexts_;
  std::vector<float> attn_weights_;
};

// A model with random weights. `heads` divides `embed_dim`.
std::shared_ptr<const Model> RandomModel(std::int64_t embed_dim,
                                         std::int64_t heads,
                                         DType compute_dtype = DType::kF32);

}  // namespace attention

#endif  // TESTS_BENCH_LAYER_WORKLOAD_H_
