// Softmax over tiles against double arithmetic, on every vector target of this
// CPU: exact special cases, accuracy, and blocks that equal one whole.
#include "core/attention/softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/tensor/convert_dtype.h"
#include "tests/support/bf16_target_test.h"
#include "tests/support/vector_target_test.h"

namespace attention {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// 2^x is within 3 units in the last place.
constexpr double kRelTol = 2e-7;

class SoftmaxTest : public VectorTargetTest {
 protected:
  // Softmax of one row padded to `width`; returns the sum.
  static float Row(std::vector<float>& scores, std::int64_t limit) {
    const ScoreBlock block{.scores = scores.data(),
                           .width = static_cast<std::int64_t>(scores.size())};
    float max = -kInf;
    float sum = 0;
    float rescale = 0;
    SoftmaxTile({&block, 1}, 1, &limit, DType::kF32, {&max, &sum, &rescale});
    return sum;
  }
};

TEST_P(SoftmaxTest, MatchesDoubleForEveryLimit) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-40, 40);
  for (std::int64_t limit = 1; limit <= 80; ++limit) {
    std::vector<float> scores(80);
    for (float& score : scores) score = uniform(random);
    const std::vector<float> before = scores;

    const float sum = Row(scores, limit);

    double max = -kInf;
    for (std::int64_t k = 0; k < limit; ++k) {
      max = std::max<double>(max, before[static_cast<std::size_t>(k)]);
    }
    double expected_sum = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double expected = static_cast<std::int64_t>(k) < limit
                                  ? std::exp2(before[k] - std::ceil(max))
                                  : 0.0;
      EXPECT_NEAR(scores[k], expected, kRelTol * expected)
          << "limit " << limit << " key " << k;
      expected_sum += expected;
    }
    EXPECT_NEAR(sum, expected_sum, kRelTol * expected_sum);
  }
}

TEST_P(SoftmaxTest, AWholeLargestScoreGivesExactlyOne) {
  for (const float largest : {123.0F, -77.0F, 0.0F, 1048577.0F, -3e7F}) {
    std::vector<float> scores(16, largest - 3);
    scores[5] = largest;
    Row(scores, 16);
    EXPECT_EQ(scores[5], 1.0F);
    EXPECT_EQ(scores[4], largest == -3e7F ? 0.0625F : 0.125F) << largest;
  }
}

// Beyond 2^20 scores are reduced in another way, and from 2^24 on they are
// coarser than ones.
TEST_P(SoftmaxTest, MatchesDoubleForLargeScores) {
  std::mt19937 random(19);
  for (const float magnitude : {1e3F, 1e6F, 1.1e6F, 2e7F, 1e20F, 1e38F}) {
    std::uniform_real_distribution<float> uniform(0.9F * magnitude, magnitude);
    for (const float sign : {1.0F, -1.0F}) {
      std::vector<float> scores(48);
      for (float& score : scores) score = sign * uniform(random);
      const std::vector<float> before = scores;
      Row(scores, 48);
      const double max = *std::max_element(before.begin(), before.end());
      for (std::size_t k = 0; k < scores.size(); ++k) {
        const double expected = std::exp2(before[k] - std::ceil(max));
        // The reduced score itself is rounded where it is large.
        EXPECT_NEAR(scores[k], expected, 8e-6 * expected + 0x1p-126)
            << before[k];
      }
    }
  }
}

TEST_P(SoftmaxTest, InfiniteScoresMakeTheirRowNan) {
  std::vector<float> scores(16, 1.0F);
  scores[3] = kInf;
  EXPECT_TRUE(std::isnan(Row(scores, 16)));
}

// Their sum is Inf less Inf, but none of them is NaN.
TEST_P(SoftmaxTest, HugeScoresOfBothSignsAreNoNan) {
  std::vector<float> scores(64, -kInf);
  std::fill_n(scores.begin(), 40, 3e38F);
  EXPECT_EQ(Row(scores, 64), 40.0F);
  EXPECT_EQ(scores[0], 1.0F);
  EXPECT_EQ(scores[40], 0.0F);
}

// Whatever its bits are: some arithmetic on exponents loses a payload.
TEST_P(SoftmaxTest, ANanWithAPayloadIsNotLost) {
  for (const std::uint32_t bits : {0x7FC00001u, 0x7FFFFFFFu, 0xFF800001u}) {
    for (const std::size_t at : {0u, 17u, 40u}) {
      std::vector<float> scores(48, 0.5F);
      std::memcpy(&scores[at], &bits, sizeof(bits));
      EXPECT_TRUE(std::isnan(Row(scores, 41))) << bits << " at " << at;
      EXPECT_TRUE(std::isnan(scores[1]));
    }
  }
}

TEST_P(SoftmaxTest, ExcludedKeysGiveExactlyZero) {
  std::vector<float> scores(16, 1.0F);
  scores[3] = -kInf;
  scores[4] = -std::numeric_limits<float>::max();
  EXPECT_EQ(Row(scores, 16), 14.0F);
  EXPECT_EQ(scores[3], 0.0F);
  EXPECT_EQ(scores[4], 0.0F);
}

TEST_P(SoftmaxTest, ARowWithoutAnyKeyGivesZeros) {
  std::vector<float> scores(16, -kInf);
  EXPECT_EQ(Row(scores, 16), 0.0F);
  EXPECT_EQ(scores, std::vector<float>(16, 0.0F));

  std::vector<float> beyond(16, 5.0F);
  EXPECT_EQ(Row(beyond, 0), 0.0F);
  EXPECT_EQ(beyond, std::vector<float>(16, 0.0F));
}

TEST_P(SoftmaxTest, NanMakesItsRowNanAndNoOther) {
  for (std::size_t at = 0; at < 48; ++at) {
    std::vector<float> scores(96, 2.0F);
    scores[at] = kNan;
    const ScoreBlock block{.scores = scores.data(), .width = 48};
    const std::int64_t limits[] = {48, 48};
    float max[] = {-kInf, -kInf};
    float sum[] = {0, 0};
    float rescale[] = {0, 0};
    SoftmaxTile({&block, 1}, 2, limits, DType::kF32, {max, sum, rescale});
    EXPECT_TRUE(std::isnan(sum[0])) << at;
    EXPECT_EQ(sum[1], 48.0F) << at;
  }
}

TEST_P(SoftmaxTest, ANanAmongExcludedKeysIsNotLost) {
  std::vector<float> scores(16, -kInf);
  scores[9] = kNan;
  EXPECT_TRUE(std::isnan(Row(scores, 16)));
}

TEST_P(SoftmaxTest, BlockAfterBlockEqualsAllAtOnce) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-30, 30);
  std::vector<float> first(32);
  std::vector<float> second(16);
  for (float& score : first) score = uniform(random);
  for (float& score : second) score = uniform(random) + 20;
  std::vector<float> whole = first;
  whole.insert(whole.end(), second.begin(), second.end());
  const float expected_sum = Row(whole, 41);

  const std::int64_t limit = 41;
  float max = -kInf;
  float sum = 0;
  float rescale = 0;
  const ScoreBlock blocks[] = {
      {.scores = first.data(), .first_key = 0, .width = 32},
      {.scores = second.data(), .first_key = 32, .width = 16}};
  SoftmaxTile({&blocks[0], 1}, 1, &limit, DType::kF32, {&max, &sum, &rescale});
  SoftmaxTile({&blocks[1], 1}, 1, &limit, DType::kF32, {&max, &sum, &rescale});

  EXPECT_NEAR(sum, expected_sum, kRelTol * expected_sum);
  for (std::size_t k = 0; k < 32; ++k) {
    EXPECT_NEAR(first[k] * rescale, whole[k], kRelTol * whole[k]) << k;
  }
  for (std::size_t k = 0; k < 16; ++k) {
    EXPECT_EQ(second[k], whole[32 + k]) << k;
  }
}

// What one block leaves in the state, the next one goes on with.
TEST_P(SoftmaxTest, BlocksWithoutKeysOrFarAboveFollowEachOther) {
  const std::int64_t limit = 64;
  float shift = -kInf;
  float sum = 0;
  float rescale = 0;
  const auto add = [&](float score, std::int64_t first_key) {
    std::vector<float> scores(16, score);
    const ScoreBlock block{
        .scores = scores.data(), .first_key = first_key, .width = 16};
    SoftmaxTile({&block, 1}, 1, &limit, DType::kF32, {&shift, &sum, &rescale});
  };
  add(-kInf, 0);
  EXPECT_EQ(sum, 0.0F);
  EXPECT_EQ(rescale, 1.0F);
  add(-300.0F, 16);
  EXPECT_EQ(sum, 16.0F);
  EXPECT_EQ(rescale, 0.0F) << "nothing came before";
  add(5.0F, 32);
  EXPECT_EQ(sum, 16.0F) << "what came before is too small to count";
  EXPECT_EQ(rescale, 0.0F);
  add(7.0F, 48);
  EXPECT_EQ(sum, 16.0F + 4.0F);
  EXPECT_EQ(rescale, 0.25F);
  add(kNan, 48);
  EXPECT_TRUE(std::isnan(sum));
  add(1.0F, 48);
  EXPECT_TRUE(std::isnan(sum)) << "it stays";
}

ATTENTION_ON_EVERY_VECTOR_TARGET(SoftmaxTest);

using Bf16SoftmaxTest = Bf16TargetTest;

ATTENTION_ON_EVERY_VECTOR_TARGET(Bf16SoftmaxTest);

// About the same numbers, rounded, at the beginning of their row.
TEST_P(Bf16SoftmaxTest, RoundsWhatF32Gives) {
  // Of the shorter polynomial.
  constexpr float kExp2Tolerance = 1.1e-4F;
  std::mt19937 random(17);
  std::uniform_real_distribution<float> uniform(-20, 20);
  constexpr std::int64_t kWidth = 80;
  for (std::int64_t limit = 0; limit <= kWidth; ++limit) {
    SCOPED_TRACE(testing::Message() << "limit " << limit);
    std::vector<float> scores(2 * kWidth);
    for (float& score : scores) score = uniform(random);
    std::vector<float> rounded = scores;
    const std::int64_t limits[] = {limit, kWidth};
    float max[2][2] = {{-kInf, -kInf}, {-kInf, -kInf}};
    float sum[2][2] = {};
    float rescale[2][2] = {};
    const ScoreBlock as_f32{.scores = scores.data(), .width = kWidth};
    const ScoreBlock as_bf16{.scores = rounded.data(), .width = kWidth};
    SoftmaxTile({&as_f32, 1}, 2, limits, DType::kF32,
                {max[0], sum[0], rescale[0]});
    SoftmaxTile({&as_bf16, 1}, 2, limits, DType::kBF16,
                {max[1], sum[1], rescale[1]});
    for (int row = 0; row < 2; ++row) {
      EXPECT_EQ(max[0][row], max[1][row]);
      EXPECT_NEAR(sum[0][row], sum[1][row], kExp2Tolerance * sum[0][row]);
      std::vector<float> got(kWidth);
      ConvertToF32(
          reinterpret_cast<const std::byte*>(rounded.data() + row * kWidth),
          DType::kBF16, kWidth, got.data());
      for (std::size_t k = 0; k < kWidth; ++k) {
        const float expected =
            scores[static_cast<std::size_t>(row) * kWidth + k];
        EXPECT_NEAR(got[k], expected, expected * (0x1p-8F + kExp2Tolerance))
            << k;
      }
    }
  }
}

TEST_P(Bf16SoftmaxTest, NanMakesTheSumOfItsRowNan) {
  std::vector<float> scores(32, 2.0F);
  scores[3] = kNan;
  const ScoreBlock block{.scores = scores.data(), .width = 16};
  const std::int64_t limits[] = {16, 16};
  float max[] = {-kInf, -kInf};
  float sum[] = {0, 0};
  float rescale[] = {0, 0};
  SoftmaxTile({&block, 1}, 2, limits, DType::kBF16, {max, sum, rescale});
  EXPECT_TRUE(std::isnan(sum[0]));
  EXPECT_EQ(sum[1], 16.0F);
}

}  // namespace
}  // namespace attention
