#include "tests/support/zero_model.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace attention {

std::shared_ptr<const Model> MakeZeroModel(const std::string& name,
                                           const ZeroModelShape& shape) {
  const AttentionSpec& spec = shape.spec;
  const std::int64_t q_width = spec.num_heads * spec.head_dim;
  const std::int64_t k_width = spec.num_kv_heads * spec.head_dim;
  const std::int64_t v_width = spec.num_kv_heads * spec.v_head_dim;
  const std::int64_t out_width = spec.num_heads * spec.v_head_dim;
  auto zeros = std::make_shared<std::vector<float>>();
  const auto linear = [&](std::int64_t out, std::int64_t in) {
    // All of them share what the largest needs.
    const auto size = static_cast<std::size_t>(out * in);
    if (size > zeros->size()) zeros->resize(size);
    return LinearWeights{.weight = {DType::kF32, Shape({out, in})}};
  };
  ProjectionWeights weights{.q_proj = linear(q_width, shape.embed_dim),
                            .k_proj = linear(k_width, shape.kdim),
                            .v_proj = linear(v_width, shape.vdim),
                            .out_proj = linear(shape.embed_dim, out_width),
                            .storage = zeros};
  for (LinearWeights* part :
       {&weights.q_proj, &weights.k_proj, &weights.v_proj, &weights.out_proj}) {
    part->weight.data = reinterpret_cast<const std::byte*>(zeros->data());
  }
  return Model::Create(name, spec, std::move(weights)).value();
}

}  // namespace attention
