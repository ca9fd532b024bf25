// Proves that one sequence's attention weights are found in padded and packed
// answers: the weights of every answer here are their own positions, so that
// expected values follow from the layouts in the API.
#include "client/cli/weights_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace attention {
namespace {

using ::testing::ElementsAre;

Tensor Positions(std::vector<std::int64_t> shape, std::int64_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0F);
  return Tensor::Own(std::move(shape), std::move(values));
}

// Two sequences of 1 and 2 tokens, padded to 2.
AttendCall PaddedCall(ReturnWeights weights) {
  return {.model = "m",
          .queries = Tensor::Own({2, 2, 1}, {0, 0, 0, 0}),
          .q_lengths = {1, 2},
          .attn_weights = weights};
}

AttendCall PackedCall(ReturnWeights weights) {
  return {.model = "m",
          .queries = Tensor::Own({3, 1}, {0, 0, 0}),
          .q_lengths = {1, 2},
          .attn_weights = weights};
}

TEST(WeightsViewTest, CutsOneHeadOutOfAPaddedAnswer) {
  const AttendCall call = PaddedCall(ReturnWeights::kPerHead);
  const Tensor weights = Positions({2, 2, 2, 2}, 16);

  EXPECT_EQ(NumHeads(call, weights), 2);
  EXPECT_THAT(*WeightsOf(call, weights, 0, 1), ElementsAre(4));
  EXPECT_THAT(*WeightsOf(call, weights, 1, 1), ElementsAre(12, 13, 14, 15));
}

TEST(WeightsViewTest, CutsOneHeadOutOfAPackedAnswer) {
  const AttendCall call = PackedCall(ReturnWeights::kPerHead);
  const Tensor weights = Positions({10}, 10);

  EXPECT_EQ(NumHeads(call, weights), 2);
  EXPECT_THAT(*WeightsOf(call, weights, 0, 1), ElementsAre(1));
  EXPECT_THAT(*WeightsOf(call, weights, 1, 0), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(*WeightsOf(call, weights, 1, 1), ElementsAre(6, 7, 8, 9));
}

TEST(WeightsViewTest, AveragesHeadsThatTheAnswerHas) {
  EXPECT_THAT(*WeightsOf(PackedCall(ReturnWeights::kPerHead),
                         Positions({10}, 10), 1, std::nullopt),
              ElementsAre(4, 5, 6, 7));
}

TEST(WeightsViewTest, TakesTheServersAverageAsItIs) {
  EXPECT_THAT(*WeightsOf(PaddedCall(ReturnWeights::kHeadAverage),
                         Positions({2, 2, 2}, 8), 1, std::nullopt),
              ElementsAre(4, 5, 6, 7));
}

TEST(WeightsViewTest, FollowsKeysOfTheirOwnLengths) {
  AttendCall call = PackedCall(ReturnWeights::kHeadAverage);
  call.keys = Tensor::Own({4, 1}, {0, 0, 0, 0});
  call.kv_lengths = {3, 1};

  EXPECT_THAT(*WeightsOf(call, Positions({5}, 5), 1, std::nullopt),
              ElementsAre(3, 4));
}

TEST(WeightsViewTest, RefusesAHeadThatIsNotThere) {
  EXPECT_EQ(
      WeightsOf(PackedCall(ReturnWeights::kPerHead), Positions({10}, 10), 0, 2)
          .status()
          .code(),
      absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attention
