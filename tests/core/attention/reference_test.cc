// Proves the reference, which judges the kernel, against values that it did not
// compute: sums done by hand, and what PyTorch, ONNX and MiniLM give.
#include "core/attention/reference.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/conformance_case.h"
#include "tests/support/conformance_files.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::Pointwise;

// By hand everything is exact but log(3), which an f32 input rounds.
constexpr double kHandTolerance = 1e-7;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

RowsView Rows(const std::vector<float>& values, std::int64_t width) {
  return {reinterpret_cast<const std::byte*>(values.data()), DType::kF32,
          width};
}

AttnMaskView FloatMask(const std::vector<float>& mask, std::int64_t kv_len) {
  return {.data = reinterpret_cast<const std::byte*>(mask.data()),
          .dtype = DType::kF32,
          .q_stride = kv_len,
          .k_stride = 1};
}

// One head of width 1: the scores of a query of 1 are the keys themselves.
class OneHeadTest : public ::testing::Test {
 protected:
  // Keys log(3) and 0 weigh 3 : 1.
  Sequence TwoByTwo() const {
    return {.q_len = 2,
            .kv_len = 2,
            .queries = Rows(queries_, 1),
            .keys = Rows(keys_, 1),
            .values = Rows(values_, 1)};
  }

  std::vector<float> queries_{1, 0};
  std::vector<float> keys_{std::log(3.0F), 0};
  std::vector<float> values_{4, 8};
  AttentionSpec spec_{1, 1, 1, 1};
};

TEST_F(OneHeadTest, OneKeyHasTheWholeWeight) {
  Sequence sequence = TwoByTwo();
  sequence.q_len = 1;
  sequence.kv_len = 1;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, ElementsAre(1));
  EXPECT_THAT(result.contexts, ElementsAre(4));
}

TEST_F(OneHeadTest, WeightsAreTheSoftmaxOfTheScores) {
  const ReferenceResult result = ReferenceAttention(spec_, nullptr, TwoByTwo());

  EXPECT_THAT(result.attn_weights,
              Pointwise(DoubleNear(kHandTolerance), {0.75, 0.25, 0.5, 0.5}));
  EXPECT_THAT(result.contexts,
              Pointwise(DoubleNear(kHandTolerance), {5.0, 6.0}));
}

TEST_F(OneHeadTest, RowsMayLieInPieces) {
  // Keys and values in one message, cut inside of log(3) and of the 4.
  std::vector<float> message = keys_;
  message.insert(message.end(), values_.begin(), values_.end());
  const auto bytes = std::as_bytes(std::span(message));
  const Fragments fragments(
      {bytes.first(1), bytes.subspan(1, 10), bytes.subspan(11)});
  Sequence sequence = TwoByTwo();
  sequence.keys = {.row_stride = 1, .fragments = &fragments};
  sequence.values = {.row_stride = 1, .fragments = &fragments, .first_byte = 8};

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights,
              Pointwise(DoubleNear(kHandTolerance), {0.75, 0.25, 0.5, 0.5}));
  EXPECT_THAT(result.contexts,
              Pointwise(DoubleNear(kHandTolerance), {5.0, 6.0}));
}

TEST_F(OneHeadTest, ScaleMultipliesTheScores) {
  Sequence sequence = TwoByTwo();
  sequence.scale = 2;  // exp(2 log 3) = 9

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights,
              Pointwise(DoubleNear(kHandTolerance), {0.9, 0.1, 0.5, 0.5}));
}

TEST_F(OneHeadTest, FloatMaskIsAddedToTheScaledScores) {
  const std::vector<float> mask{0, std::log(3.0F), -kInfinity, 0};
  Sequence sequence = TwoByTwo();
  sequence.attn_mask = FloatMask(mask, 2);

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights,
              Pointwise(DoubleNear(kHandTolerance), {0.5, 0.5, 0.0, 1.0}));
}

TEST_F(OneHeadTest, BooleanMaskTakesPartWhereTrue) {
  const std::array<std::byte, 4> mask{std::byte{0}, std::byte{1}, std::byte{2},
                                      std::byte{1}};
  Sequence sequence = TwoByTwo();
  sequence.attn_mask = {
      .data = mask.data(), .dtype = DType::kBool, .q_stride = 2, .k_stride = 1};

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, ElementsAre(0, 1, 0.5, 0.5));
  EXPECT_THAT(result.contexts, ElementsAre(8, 6));
}

TEST_F(OneHeadTest, MaskOfStrideZeroIsBroadcastOverQueries) {
  const std::array<std::byte, 2> mask{std::byte{0}, std::byte{1}};
  Sequence sequence = TwoByTwo();
  sequence.attn_mask = {
      .data = mask.data(), .dtype = DType::kBool, .k_stride = 1};

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.contexts, ElementsAre(8, 8));
}

TEST_F(OneHeadTest, CausalIsAlignedAtTheTopLeft) {
  Sequence sequence = TwoByTwo();
  sequence.is_causal = true;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, ElementsAre(1, 0, 0.5, 0.5));
}

TEST_F(OneHeadTest, CausalAndMaskTogetherLeaveARowWithoutKeysAtZero) {
  const std::vector<float> mask{-kInfinity, 0, 0, 0};
  Sequence sequence = TwoByTwo();
  sequence.attn_mask = FloatMask(mask, 2);
  sequence.is_causal = true;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, ElementsAre(0, 0, 0.5, 0.5));
  EXPECT_THAT(result.contexts, ElementsAre(0, 6));
}

TEST_F(OneHeadTest, NoKeysGiveZeros) {
  Sequence sequence = TwoByTwo();
  sequence.kv_len = 0;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, IsEmpty());
  EXPECT_THAT(result.contexts, ElementsAre(0, 0));
}

TEST_F(OneHeadTest, ResidualAddsTheQueries) {
  Sequence sequence = TwoByTwo();
  sequence.residual = true;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.contexts,
              Pointwise(DoubleNear(kHandTolerance), {6.0, 6.0}));
}

TEST_F(OneHeadTest, NanReachesTheRowsThatSeeItAndNoOther) {
  keys_[1] = kNan;
  values_[1] = kNan;
  Sequence sequence = TwoByTwo();
  sequence.is_causal = true;

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.attn_weights, ElementsAre(1, 0, IsNan(), IsNan()));
  EXPECT_THAT(result.contexts, ElementsAre(4, IsNan()));
}

TEST_F(OneHeadTest, LargeScoresDoNotOverflow) {
  keys_ = {1e30F, -1e30F};

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, TwoByTwo());

  EXPECT_THAT(result.attn_weights, ElementsAre(1, 0, 0.5, 0.5));
}

TEST_F(OneHeadTest, RowsMayLieApart) {
  queries_ = {1, kNan, 0};
  Sequence sequence = TwoByTwo();
  sequence.queries = Rows(queries_, 2);

  const ReferenceResult result = ReferenceAttention(spec_, nullptr, sequence);

  EXPECT_THAT(result.contexts,
              Pointwise(DoubleNear(kHandTolerance), {5.0, 6.0}));
}

TEST(ReferenceTest, ReadsHalfPrecisionBits) {
  // 1, -2, the smallest subnormal, and the largest finite number.
  const std::vector<std::uint16_t> halves{0x3c00, 0xc000, 0x0001, 0x7bff};
  const std::vector<float> keys{0};
  Sequence sequence{.q_len = 1, .kv_len = 1};
  sequence.queries = Rows(keys, 1);
  sequence.keys = Rows(keys, 1);
  sequence.values = {reinterpret_cast<const std::byte*>(halves.data()),
                     DType::kF16, 4};

  const ReferenceResult result =
      ReferenceAttention({1, 1, 1, 4}, nullptr, sequence);

  EXPECT_THAT(result.contexts, ElementsAre(1, -2, std::ldexp(1, -24), 65504));
}

TEST(ReferenceTest, ReadsBfloat16Bits) {
  const std::vector<std::uint16_t> values{0x3f80, 0xc040};  // 1, -3
  const std::vector<float> keys{0};
  Sequence sequence{.q_len = 1, .kv_len = 1};
  sequence.queries = Rows(keys, 1);
  sequence.keys = Rows(keys, 1);
  sequence.values = {reinterpret_cast<const std::byte*>(values.data()),
                     DType::kBF16, 2};

  const ReferenceResult result =
      ReferenceAttention({1, 1, 1, 2}, nullptr, sequence);

  EXPECT_THAT(result.contexts, ElementsAre(1, -3));
}

TEST(ReferenceTest, GroupsOfQueryHeadsShareAKeyHead) {
  const std::vector<float> queries{1, 1, 1, 1};  // four heads
  const std::vector<float> keys{0, 0};           // two heads
  const std::vector<float> values{10, 20};
  Sequence sequence{.q_len = 1, .kv_len = 1};
  sequence.queries = Rows(queries, 4);
  sequence.keys = Rows(keys, 2);
  sequence.values = Rows(values, 2);

  const ReferenceResult result =
      ReferenceAttention({4, 2, 1, 1}, nullptr, sequence);

  EXPECT_THAT(result.contexts, ElementsAre(10, 10, 20, 20));
}

TEST(ReferenceTest, HeadAverageIsTheMeanOverTheHeads) {
  const Sequence sequence{.q_len = 1, .kv_len = 2};

  EXPECT_THAT(HeadAverage({2, 1, 1, 1}, sequence, {0.25, 0.75, 0.75, 0.25}),
              ElementsAre(0.5, 0.5));
}

// queries 2x + 1, keys 0, values x and 3x, contexts (c0 + c1, 10 c1 + 5).
class ProjectedTest : public ::testing::Test {
 protected:
  ProjectedTest() {
    weights_.q_proj = {View(q_weight_, {1, 1}), View(q_bias_, {1})};
    weights_.k_proj = {View(k_weight_, {1, 1}), {}};
    weights_.v_proj = {View(v_weight_, {2, 1}), {}};
    weights_.out_proj = {View(out_weight_, {1, 2}), View(out_bias_, {1})};
    sequence_.queries = Rows(queries_, 1);
    sequence_.keys = Rows(keys_, 1);
    sequence_.values = Rows(values_, 1);
  }

  static TensorView View(const std::vector<float>& values, Shape shape) {
    return {DType::kF32, std::move(shape),
            reinterpret_cast<const std::byte*>(values.data())};
  }

  std::vector<float> q_weight_{2};
  std::vector<float> q_bias_{-1};
  std::vector<float> k_weight_{1};
  std::vector<float> v_weight_{1, 3};
  std::vector<float> out_weight_{1, 10};
  std::vector<float> out_bias_{5};
  std::vector<float> queries_{1};  // projected: 2 * 1 - 1 = 1
  std::vector<float> keys_{std::log(3.0F), 0};
  std::vector<float> values_{4, 8};  // projected: (4, 12), (8, 24)
  ProjectionWeights weights_;
  AttentionSpec spec_{1, 1, 1, 2};
  Sequence sequence_{.q_len = 1, .kv_len = 2};
};

TEST_F(ProjectedTest, ProjectsInputsAndContexts) {
  const ReferenceResult result =
      ReferenceAttention(spec_, &weights_, sequence_);

  // 0.75 (4, 12) + 0.25 (8, 24) = (5, 15); 5 + 10 * 15 + 5 = 160.
  EXPECT_THAT(result.contexts,
              Pointwise(DoubleNear(160 * kHandTolerance), {160.0}));
}

TEST_F(ProjectedTest, FullyMaskedRowGivesTheBiasOfOutProj) {
  const std::vector<float> mask{-kInfinity, -kInfinity};
  sequence_.attn_mask = FloatMask(mask, 2);

  const ReferenceResult result =
      ReferenceAttention(spec_, &weights_, sequence_);

  EXPECT_THAT(result.attn_weights, Each(0));
  EXPECT_THAT(result.contexts, ElementsAre(5));
}

// Compares with every file in a folder of tests/data; returns how many cases.
int CompareWithFiles(const std::string& folder) {
  const auto files =
      ReadConformanceFiles(TestDataDirectory() + folder, DemoModelDirectory());
  EXPECT_TRUE(files.ok()) << files.status();
  if (!files.ok()) return 0;
  int cases = 0;
  for (const ConformanceFile& file : *files) {
    EXPECT_THAT(file.skipped, IsEmpty()) << file.name;
    for (const ConformanceCase& a_case : file.cases) {
      ++cases;
      const PaddedAnswer answer = ReferenceAnswer(a_case);
      const LargestError contexts =
          CompareTensors(a_case.contexts, answer.contexts);
      const LargestError weights =
          CompareTensors(a_case.attn_weights, answer.attn_weights);
      EXPECT_LE(contexts.relative, a_case.stored_error)
          << a_case.name << " contexts: " << contexts.ToString();
      EXPECT_LE(weights.relative, a_case.stored_error)
          << a_case.name << " attn_weights: " << weights.ToString();
    }
  }
  return cases;
}

TEST(ReferenceDataTest, AgreesWithPyTorch) {
  // 14 files, of which three tell their masks in two ways.
  EXPECT_EQ(CompareWithFiles("/torch-mha"), 17);
}

TEST(ReferenceDataTest, AgreesWithMinilm) {
  // Six sentences in six layers, and each layer's sentences together.
  EXPECT_EQ(CompareWithFiles("/minilm"), 42);
}

TEST(ReferenceDataTest, AgreesWithOnnx) {
  EXPECT_EQ(CompareWithFiles("/onnx-attention"), 34);
}

}  // namespace
}  // namespace attention
