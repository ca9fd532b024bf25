// Runs random sequences through the engine and compares them with the
// reference.
#include "tests/support/kernel_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <future>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/attention/isa.h"
#include "core/attention/reference.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

// Room for hundreds of sequences in one request.
constexpr std::int64_t kMaxTokens = 1 << 20;

// Limits the instructions before the first use of the kernel, so that one
// machine proves more than its best.
class MaxIsaEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* name = std::getenv("ATTENTION_TEST_MAX_ISA");
    if (name == nullptr) return;
    const auto max_isa = ParseMaxIsa(name);
    ASSERT_TRUE(max_isa.has_value()) << "ATTENTION_TEST_MAX_ISA=" << name;
    ASSERT_TRUE(SetMaxIsa(*max_isa));
  }
};

const auto* const kMaxIsaEnvironment =
    ::testing::AddGlobalTestEnvironment(new MaxIsaEnvironment);

// Inputs, and what they are projected to, are about 1 each. One column of
// contexts alone may cancel to nearly nothing, which makes none of the errors
// smaller: not of projections, and not of what bf16 rounds.
constexpr double kLeastMagnitude = 0.25;

double LeastMagnitude(const RandomLayer& layer) {
  return layer.model == nullptr && layer.spec.compute_dtype == DType::kF32
             ? 0
             : kLeastMagnitude;
}

// How much more than the widest head the layer's longest sum is off.
double GrowthOfError(const RandomLayer& layer) {
  constexpr double kTerms = 256;
  std::int64_t terms = layer.spec.head_dim;
  if (layer.model != nullptr) {
    terms =
        std::max({terms, layer.query_width, layer.key_width, layer.value_width,
                  layer.spec.num_heads * layer.spec.v_head_dim});
  }
  return std::max(1.0, std::sqrt(static_cast<double>(terms) / kTerms));
}

double Tolerance(const StridedRows& output, double tolerance) {
  return output.dtype() == DType::kF32
             ? tolerance
             : tolerance + UnitRoundoff(output.dtype());
}

bool TestsBf16() {
  const char* name = std::getenv("ATTENTION_TEST_COMPUTE_DTYPE");
  return name != nullptr && absl::string_view(name) == "bf16";
}

std::string Describe(const RandomLayer& layer) {
  return absl::StrCat(layer.model == nullptr ? "sdpa" : "model", ", heads ",
                      layer.spec.num_heads, "/", layer.spec.num_kv_heads,
                      ", head_dim ", layer.spec.head_dim, "/",
                      layer.spec.v_head_dim, ", widths ", layer.query_width,
                      "/", layer.key_width, "/", layer.value_width);
}

}  // namespace

std::uint64_t FirstSeed() {
  std::uint64_t seed = 1;
  const char* from_environment = std::getenv("ATTENTION_TEST_SEED");
  if (from_environment != nullptr) {
    EXPECT_TRUE(absl::SimpleAtoi(from_environment, &seed));
  }
  return seed;
}

double KernelTolerance(DType compute_dtype) {
  return compute_dtype == DType::kBF16 ? kBf16KernelTolerance
                                       : kKernelTolerance;
}

RandomAttention RandomUnderTest(std::uint64_t seed) {
  RandomAttention random(seed);
  if (TestsBf16()) random.ComputeInBf16();
  return random;
}

void KernelTest::SetUp() {
  if (TestsBf16() && !HasBf16Products()) {
    GTEST_SKIP() << "this CPU has no AVX512_BF16";
  }
}

std::unique_ptr<Engine> MakeEngine(int num_workers) {
  auto engine = Engine::Create(
      {.num_workers = num_workers, .max_batch_tokens = kMaxTokens});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

void Attend(Engine& engine, const std::vector<Call>& calls) {
  std::vector<std::future<absl::Status>> answers;
  for (const Call& call : calls) {
    const auto answer = std::make_shared<std::promise<absl::Status>>();
    answers.push_back(answer->get_future());
    AttentionRequest request;
    request.model = call.layer->model;
    request.sdpa_spec = call.layer->spec;
    for (OwnedSequence& sequence : call.sequences) {
      sequence.ClearOutputs();
      request.sequences.push_back(sequence.View());
    }
    request.done = [answer](const absl::Status& status,
                            const AttentionTiming&) {
      answer->set_value(status);
    };
    engine.Submit(std::move(request));
  }
  for (std::future<absl::Status>& answer : answers) {
    const absl::Status status = answer.get();
    EXPECT_TRUE(status.ok()) << status;
  }
}

void Attend(Engine& engine, const RandomLayer& layer,
            std::span<OwnedSequence> sequences) {
  Attend(engine, {{&layer, sequences}});
}

void ExpectRowsOfWeightsSumToOneOrZero(const OwnedSequence& sequence) {
  const std::vector<double> weights = sequence.attn_weights.Dense();
  const std::int64_t kv_len = sequence.attn_weights.width();
  // Each weight of f16 may also lose half of the smallest subnormal.
  const double tolerance =
      Tolerance(sequence.attn_weights, kKernelTolerance) +
      (sequence.attn_weights.dtype() == DType::kF16
           ? static_cast<double>(kv_len) * std::ldexp(1.0, -25)
           : 0);
  const bool average = sequence.shape.attn_weights == AttnWeights::kHeadAverage;
  for (std::int64_t row = 0; row < sequence.attn_weights.rows(); ++row) {
    double sum = 0;
    for (std::int64_t k = 0; k < kv_len; ++k) {
      sum += weights[row * kv_len + k];
    }
    // Heads with masks of their own may be zero one by one in an average.
    if (average && sequence.shape.mask_per_head) {
      EXPECT_LE(sum, 1 + tolerance) << "row " << row;
    } else if (sum != 0) {
      EXPECT_NEAR(sum, 1, tolerance) << "row " << row;
    }
  }
}

void ExpectMatchesReference(const RandomLayer& layer, OwnedSequence& sequence,
                            double tolerance) {
  const Sequence view = sequence.View();
  const ReferenceResult expected =
      ReferenceAttention(layer.spec, layer.weights(), view);
  tolerance *= GrowthOfError(layer);

  const LargestError contexts = CompareTensors(
      expected.contexts, sequence.contexts.Dense(), LeastMagnitude(layer));
  EXPECT_LE(contexts.relative, Tolerance(sequence.contexts, tolerance))
      << "contexts: " << contexts.ToString();
  EXPECT_TRUE(sequence.OutputSurroundingsUntouched());
  if (sequence.shape.attn_weights == AttnWeights::kNone) return;
  const LargestError weights =
      CompareTensors(sequence.shape.attn_weights == AttnWeights::kHeadAverage
                         ? HeadAverage(layer.spec, view, expected.attn_weights)
                         : expected.attn_weights,
                     sequence.attn_weights.Dense());
  EXPECT_LE(weights.relative, Tolerance(sequence.attn_weights, tolerance))
      << "attn_weights: " << weights.ToString();
}

void ExpectMatchesReference(Engine& engine, const RandomLayer& layer,
                            std::vector<OwnedSequence>& sequences) {
  Attend(engine, layer, sequences);
  if (::testing::Test::HasFailure()) return;
  for (OwnedSequence& sequence : sequences) {
    SCOPED_TRACE(
        absl::StrCat(Describe(layer), ", ", sequence.shape.ToString()));
    ExpectMatchesReference(layer, sequence,
                           KernelTolerance(layer.spec.compute_dtype));
  }
}

std::vector<OwnedSequence> DrawSequences(RandomAttention& random,
                                         const RandomLayer& layer,
                                         const RandomLimits& limits) {
  std::vector<OwnedSequence> sequences(
      static_cast<std::size_t>(random.Size(6)));
  for (OwnedSequence& sequence : sequences) {
    sequence = random.MakeSequence(layer, random.DrawShape(layer, limits));
  }
  return sequences;
}

SequenceShape PlainShape(const RandomLayer& layer, std::int64_t q_len,
                         std::int64_t kv_len) {
  return {.q_len = q_len, .kv_len = kv_len, .scale = layer.spec.DefaultScale()};
}

}  // namespace attention
