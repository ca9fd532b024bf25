#include "tests/bench/layer_workload.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <random>
#include <string>
#include <utility>

namespace attention {
namespace {

std::vector<float> RandomFloats(std::int64_t count, float limit,
                                std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-limit, limit);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

const std::byte* Bytes(const std::vector<float>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

BatchInputs RandomBatch(const LayerShape& shape) {
  std::mt19937 random(2);
  return {.lengths = std::vector<BatchInputs::Lengths>(
              static_cast<std::size_t>(shape.batch),
              {.queries = shape.length, .keys = shape.length}),
          .attn_weights = shape.attn_weights,
          .is_causal = shape.is_causal,
          .queries = RandomFloats(shape.batch * shape.length * shape.embed_dim,
                                  1.0F, random)};
}

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace

std::shared_ptr<const Model> RandomModel(std::int64_t embed_dim,
                                         std::int64_t heads,
                                         DType compute_dtype) {
  std::mt19937 random(1);
  struct Parameters {
    std::vector<float> weights[4];
    std::vector<float> bias;
  };
  auto parameters = std::make_shared<Parameters>();
  // Scores of order one, as in a trained layer.
  const float limit = std::sqrt(3.0F / static_cast<float>(embed_dim));
  for (std::vector<float>& weight : parameters->weights) {
    weight = RandomFloats(embed_dim * embed_dim, limit, random);
  }
  parameters->bias = RandomFloats(embed_dim, 0.1F, random);

  ProjectionWeights weights;
  LinearWeights* const linears[] = {&weights.q_proj, &weights.k_proj,
                                    &weights.v_proj, &weights.out_proj};
  for (int i = 0; i < 4; ++i) {
    *linears[i] = {
        .weight = {.shape = {embed_dim, embed_dim},
                   .data = Bytes(parameters->weights[i])},
        .bias = {.shape = {embed_dim}, .data = Bytes(parameters->bias)}};
  }
  weights.storage = parameters;
  const AttentionSpec spec{.num_heads = heads,
                           .num_kv_heads = heads,
                           .head_dim = embed_dim / heads,
                           .v_head_dim = embed_dim / heads,
                           .compute_dtype = compute_dtype};
  auto model = Model::Create("random", spec, std::move(weights));
  if (!model.ok()) Die(model.status());
  return *std::move(model);
}

std::string ShapeName(const LayerShape& shape) {
  const std::map<AttnWeights, std::string> weights = {
      {AttnWeights::kNone, ""},
      {AttnWeights::kHeadAverage, "/average"},
      {AttnWeights::kPerHead, "/per-head"}};
  return "B" + std::to_string(shape.batch) + "/S" +
         std::to_string(shape.length) + "/E" + std::to_string(shape.embed_dim) +
         "/H" + std::to_string(shape.num_heads) +
         (shape.compute_dtype == DType::kBF16 ? "/bf16" : "") +
         (shape.is_causal ? "/causal" : "") + weights.at(shape.attn_weights);
}

LayerWorkload::LayerWorkload(const LayerShape& shape)
    : LayerWorkload(
          RandomModel(shape.embed_dim, shape.num_heads, shape.compute_dtype),
          RandomBatch(shape)) {}

LayerWorkload::LayerWorkload(std::shared_ptr<const Model> model,
                             BatchInputs batch)
    : model_(std::move(model)), batch_(std::move(batch)) {
  contexts_.resize(batch_.queries.size());
  if (batch_.attn_weights == AttnWeights::kNone) return;
  std::int64_t pairs = 0;
  for (const auto& length : batch_.lengths)
    pairs += length.queries * length.keys;
  attn_weights_.resize(static_cast<std::size_t>(pairs * WeightHeads()));
}

std::int64_t LayerWorkload::WeightHeads() const {
  return batch_.attn_weights == AttnWeights::kPerHead ? model_->spec().num_heads
                                                      : 1;
}

double LayerWorkload::Flops() const {
  const auto e = static_cast<double>(model_->embed_dim());
  double flops = 0;
  for (const auto& length : batch_.lengths) {
    const auto queries = static_cast<double>(length.queries);
    const auto keys = static_cast<double>(length.keys);
    // Query i sees the first i + 1 keys.
    const double seen = std::min(queries, keys);
    const double pairs = batch_.is_causal
                             ? seen * (seen + 1) / 2 + (queries - seen) * keys
                             : queries * keys;
    flops += 4 * (queries + keys) * e * e + 4 * pairs * e;
  }
  return flops;
}

AttentionRequest LayerWorkload::Request() {
  AttentionRequest request;
  request.model = model_;
  const std::int64_t embed_dim = model_->embed_dim();
  const bool self_attention = batch_.keys.empty();
  const std::byte* queries = Bytes(batch_.queries);
  const std::byte* keys = Bytes(self_attention ? batch_.queries : batch_.keys);
  float* contexts = contexts_.data();
  float* attn_weights = attn_weights_.data();
  for (const auto& length : batch_.lengths) {
    Sequence sequence;
    sequence.q_len = length.queries;
    sequence.kv_len = length.keys;
    sequence.queries = {.data = queries, .row_stride = embed_dim};
    sequence.keys = {.data = keys, .row_stride = embed_dim};
    sequence.values = sequence.keys;
    sequence.scale = model_->spec().DefaultScale();
    sequence.is_causal = batch_.is_causal;
    sequence.contexts = {.data = reinterpret_cast<std::byte*>(contexts),
                         .row_stride = embed_dim};
    queries += length.queries * embed_dim * 4;
    keys += length.keys * embed_dim * 4;
    contexts += length.queries * embed_dim;
    if (batch_.attn_weights != AttnWeights::kNone) {
      const std::int64_t matrix = length.queries * length.keys;
      sequence.attn_weights = {
          .kind = batch_.attn_weights,
          .data = reinterpret_cast<std::byte*>(attn_weights),
          .head_stride = matrix,
          .row_stride = length.keys};
      attn_weights += matrix * WeightHeads();
    }
    request.sequences.push_back(sequence);
  }
  return request;
}

void LayerWorkload::Run(Engine& engine) {
  std::promise<absl::Status> ended;
  AttentionRequest request = Request();
  request.done = [&ended](const absl::Status& status, const AttentionTiming&) {
    ended.set_value(status);
  };
  engine.Submit(std::move(request));
  const absl::Status status = ended.get_future().get();
  if (!status.ok()) Die(status);
}

}  // namespace attention
