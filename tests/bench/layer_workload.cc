#include "tests/bench/layer_workload.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <random>
#include <string>

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

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace

std::shared_ptr<const Model> RandomModel(std::int64_t embed_dim,
                                         std::int64_t heads) {
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
                           .v_head_dim = embed_dim / heads};
  auto model = Model::Create("random", spec, std::move(weights));
  if (!model.ok()) Die(model.status());
  return *std::move(model);
}

LayerWorkload::LayerWorkload(const LayerShape& shape)
    : shape_(shape), model_(RandomModel(shape.embed_dim, shape.num_heads)) {
  std::mt19937 random(2);
  const std::int64_t elements = shape.batch * shape.length * shape.embed_dim;
  queries_ = RandomFloats(elements, 1.0F, random);
  contexts_.resize(static_cast<std::size_t>(elements));
  const std::int64_t matrix = shape.batch * shape.length * shape.length;
  if (shape.attn_weights == AttnWeights::kHeadAverage) {
    attn_weights_.resize(static_cast<std::size_t>(matrix));
  } else if (shape.attn_weights == AttnWeights::kPerHead) {
    attn_weights_.resize(static_cast<std::size_t>(matrix * shape.num_heads));
  }
}

double LayerWorkload::Flops() const {
  const auto b = static_cast<double>(shape_.batch);
  const auto s = static_cast<double>(shape_.length);
  const auto e = static_cast<double>(shape_.embed_dim);
  const double pairs = shape_.is_causal ? s * (s + 1) / 2 : s * s;
  return 8 * b * s * e * e + 4 * b * pairs * e;
}

AttentionRequest LayerWorkload::Request() {
  AttentionRequest request;
  request.model = model_;
  const std::int64_t rows = shape_.length * shape_.embed_dim;
  const std::int64_t matrix = shape_.length * shape_.length;
  for (std::int64_t b = 0; b < shape_.batch; ++b) {
    Sequence sequence;
    sequence.q_len = shape_.length;
    sequence.kv_len = shape_.length;
    sequence.queries = {.data = Bytes(queries_) + b * rows * 4,
                        .row_stride = shape_.embed_dim};
    sequence.keys = sequence.queries;
    sequence.values = sequence.queries;
    sequence.scale = model_->spec().DefaultScale();
    sequence.is_causal = shape_.is_causal;
    sequence.contexts = {
        .data = reinterpret_cast<std::byte*>(contexts_.data() + b * rows),
        .row_stride = shape_.embed_dim};
    const std::int64_t heads =
        shape_.attn_weights == AttnWeights::kPerHead ? shape_.num_heads : 1;
    if (shape_.attn_weights != AttnWeights::kNone) {
      sequence.attn_weights = {.kind = shape_.attn_weights,
                               .data = reinterpret_cast<std::byte*>(
                                   attn_weights_.data() + b * heads * matrix),
                               .head_stride = matrix,
                               .row_stride = shape_.length};
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
