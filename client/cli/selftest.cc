// The kernel on this CPU against the double-precision reference.
#include "client/cli/selftest.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <memory>
#include <random>
#include <utility>

#include "core/attention/projection_weights.h"
#include "core/attention/reference.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

constexpr std::uint64_t kSeed = 20;

// Normal random numbers that live as long as this object.
class RandomArrays {
 public:
  const std::byte* Make(std::int64_t count, float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    auto& values = arrays_.emplace_back(std::make_unique<float[]>(count));
    std::generate_n(values.get(), count, [&] { return normal(random_); });
    return reinterpret_cast<const std::byte*>(values.get());
  }

  TensorView Matrix(std::int64_t out, std::int64_t in) {
    return {.shape = {out, in},
            .data = Make(out * in, 1 / std::sqrt(static_cast<float>(in)))};
  }

  LinearWeights Linear(std::int64_t out, std::int64_t in) {
    return {.weight = Matrix(out, in),
            .bias = {.shape = {out}, .data = Make(out, 0.1F)}};
  }

 private:
  std::mt19937_64 random_{kSeed};
  std::vector<std::unique_ptr<float[]>> arrays_;
};

absl::StatusOr<std::shared_ptr<const Model>> MakeModel(
    const SelftestCase& test) {
  const AttentionSpec& spec = test.spec;
  auto arrays = std::make_shared<RandomArrays>();
  const std::int64_t embed_dim = test.embed_dim;
  ProjectionWeights weights{
      .q_proj = arrays->Linear(spec.num_heads * spec.head_dim, embed_dim),
      .k_proj = arrays->Linear(spec.num_kv_heads * spec.head_dim, embed_dim),
      .v_proj = arrays->Linear(spec.num_kv_heads * spec.v_head_dim, embed_dim),
      .out_proj = arrays->Linear(embed_dim, spec.num_heads * spec.v_head_dim)};
  weights.storage = arrays;
  return Model::Create("selftest", spec, std::move(weights));
}

// One sequence with its inputs, its mask and room for its outputs.
struct Job {
  RandomArrays arrays{};
  std::vector<std::uint8_t> boolean_mask{};
  std::vector<float> contexts{};
  std::vector<float> attn_weights{};
  Sequence sequence{};
};

RowsView RandomRows(std::int64_t rows, std::int64_t width, Job& job) {
  return {.data = job.arrays.Make(rows * width, 1), .row_stride = width};
}

void SetMask(const SelftestCase& test, Job& job) {
  const std::int64_t q_len = test.q_len;
  const std::int64_t kv_len = test.kv_len;
  AttnMaskView& mask = job.sequence.attn_mask;
  mask = {.q_stride = kv_len, .k_stride = 1};
  if (test.mask == SelftestCase::Mask::kBoolean) {
    // Every fifth key is hidden, and all of them from the last query.
    job.boolean_mask.resize(q_len * kv_len);
    for (std::int64_t i = 0; i < (q_len - 1) * kv_len; ++i) {
      job.boolean_mask[i] = i % kv_len % 5 != 3 ? 1 : 0;
    }
    mask.data = reinterpret_cast<const std::byte*>(job.boolean_mask.data());
    mask.dtype = DType::kBool;
  } else if (test.mask == SelftestCase::Mask::kFloat) {
    mask.data = job.arrays.Make(test.spec.num_heads * q_len * kv_len, 1);
    mask.dtype = DType::kF32;
    mask.head_stride = q_len * kv_len;
  }
  job.sequence.is_causal = test.mask == SelftestCase::Mask::kCausal;
}

std::unique_ptr<Job> MakeJob(const SelftestCase& test) {
  auto job = std::make_unique<Job>();
  const AttentionSpec& spec = test.spec;
  const bool sdpa = test.embed_dim == 0;
  const auto width = [&](std::int64_t heads, std::int64_t head_dim) {
    return sdpa ? heads * head_dim : test.embed_dim;
  };
  const std::int64_t out_width = width(spec.num_heads, spec.v_head_dim);
  job->contexts.resize(test.q_len * out_width);
  job->attn_weights.resize(spec.num_heads * test.q_len * test.kv_len);
  Sequence& sequence = job->sequence;
  sequence.q_len = test.q_len;
  sequence.kv_len = test.kv_len;
  sequence.queries =
      RandomRows(test.q_len, width(spec.num_heads, spec.head_dim), *job);
  sequence.keys =
      RandomRows(test.kv_len, width(spec.num_kv_heads, spec.head_dim), *job);
  sequence.values =
      RandomRows(test.kv_len, width(spec.num_kv_heads, spec.v_head_dim), *job);
  sequence.scale = spec.DefaultScale();
  sequence.contexts = {
      .data = reinterpret_cast<std::byte*>(job->contexts.data()),
      .row_stride = out_width};
  sequence.attn_weights = {
      .kind = AttnWeights::kPerHead,
      .data = reinterpret_cast<std::byte*>(job->attn_weights.data()),
      .head_stride = test.q_len * test.kv_len,
      .row_stride = test.kv_len};
  SetMask(test, *job);
  return job;
}

// NaN counts as infinitely wrong.
double RelativeError(const std::vector<float>& got,
                     const std::vector<double>& want) {
  double magnitude = 0;
  double difference = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    magnitude = std::max(magnitude, std::abs(want[i]));
    const double one = std::abs(double{got[i]} - want[i]);
    difference = std::isnan(one) ? INFINITY : std::max(difference, one);
  }
  return magnitude > 0 ? difference / magnitude : difference;
}

}  // namespace

std::vector<SelftestCase> SelftestCases() {
  using Mask = SelftestCase::Mask;
  const AttentionSpec minilm{12, 12, 32, 32};
  const AttentionSpec bert{12, 12, 64, 64};
  const AttentionSpec grouped{8, 2, 64, 64};
  const AttentionSpec odd{3, 3, 17, 23};
  return {
      {"one token", minilm, 384, 1, 1, Mask::kNone},
      {"a sentence", minilm, 384, 29, 29, Mask::kNone},
      {"128 tokens", bert, 768, 128, 128, Mask::kNone},
      {"causal", bert, 768, 130, 130, Mask::kCausal},
      {"boolean mask, an empty row", bert, 768, 65, 97, Mask::kBoolean},
      {"float mask, other keys", bert, 768, 33, 257, Mask::kFloat},
      {"odd widths", odd, 51, 31, 45, Mask::kNone},
      {"sdpa", bert, 0, 64, 64, Mask::kNone},
      {"sdpa, grouped heads, causal", grouped, 0, 100, 100, Mask::kCausal},
      {"sdpa, grouped heads, mask", grouped, 0, 7, 300, Mask::kBoolean},
      {"sdpa, 1,024 keys", {2, 1, 128, 128}, 0, 64, 1024, Mask::kNone},
  };
}

absl::StatusOr<double> RunSelftestCase(const SelftestCase& test,
                                       Engine& engine) {
  std::shared_ptr<const Model> model;
  if (test.embed_dim > 0) {
    ATTENTION_ASSIGN_OR_RETURN(model, MakeModel(test));
  }
  const std::unique_ptr<Job> job = MakeJob(test);
  std::promise<absl::Status> promise;
  std::future<absl::Status> done = promise.get_future();
  AttentionRequest request;
  request.model = model;
  request.sdpa_spec = test.spec;
  request.sequences = {job->sequence};
  request.done = [promise = std::move(promise)](
                     const absl::Status& status,
                     const AttentionTiming& /*timing*/) mutable {
    promise.set_value(status);
  };
  engine.Submit(std::move(request));
  ATTENTION_RETURN_IF_ERROR(done.get());
  const ReferenceResult reference = ReferenceAttention(
      test.spec, model == nullptr ? nullptr : &model->weights(), job->sequence);
  return std::max(RelativeError(job->contexts, reference.contexts),
                  RelativeError(job->attn_weights, reference.attn_weights));
}

}  // namespace attention
