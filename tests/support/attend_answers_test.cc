// Shapes and types are those that proto/attention/v1/attention.proto promises,
// written out by hand.
#include "tests/support/attend_answers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"

namespace attention {
namespace {

using ::testing::ElementsAre;

TEST(AttendAnswersTest, ContextsAreTheQueriesWhereTheyFit) {
  v1::AttendRequest request;
  request.set_model("sdpa");
  request.set_id("a");
  *request.mutable_queries() = RampTensor({1, 1, 2, 4});

  const auto answer = AnswerWithoutArithmetic(request);

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->id(), "a");
  EXPECT_EQ(answer->contexts().SerializeAsString(),
            request.queries().SerializeAsString());
  EXPECT_FALSE(answer->has_attn_weights());
  EXPECT_EQ(answer->timing().batch_tokens(), 1);
}

TEST(AttendAnswersTest, ContextsOfAnotherTypeAreZeros) {
  v1::AttendRequest request = SelfAttention("minilm/0", 2, 3, 384);
  request.set_output_dtype(v1::DTYPE_BF16);

  const auto answer = AnswerWithoutArithmetic(request);

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->contexts().dtype(), v1::DTYPE_BF16);
  EXPECT_THAT(answer->contexts().shape(), ElementsAre(2, 3, 384));
  EXPECT_EQ(answer->contexts().data(), std::string(2 * 3 * 384 * 2, '\0'));
  EXPECT_EQ(answer->timing().batch_tokens(), 6);
}

TEST(AttendAnswersTest, ContextsAreAsWideAsTheValuesOfSdpa) {
  v1::AttendRequest request;
  request.set_model("sdpa");
  *request.mutable_queries() = ZeroTensor({2, 3, 4, 8});
  *request.mutable_keys() = ZeroTensor({2, 5, 4, 8});
  *request.mutable_values() = ZeroTensor({2, 5, 4, 16});

  const auto answer = AnswerWithoutArithmetic(request);

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->contexts().shape(), ElementsAre(2, 3, 4, 16));
  EXPECT_EQ(answer->contexts().data().size(), 2U * 3 * 4 * 16 * 4);
}

TEST(AttendAnswersTest, PaddedWeightsHaveAnAxisForHeadsUnlessAveraged) {
  v1::AttendRequest request = SelfAttention("minilm/0", 2, 3, 384);

  request.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);
  const auto per_head = AnswerWithoutArithmetic(request);
  request.set_attn_weights(v1::ATTN_WEIGHTS_HEAD_AVERAGE);
  const auto average = AnswerWithoutArithmetic(request);

  ASSERT_TRUE(per_head.ok() && average.ok());
  EXPECT_THAT(per_head->attn_weights().shape(), ElementsAre(2, 12, 3, 3));
  EXPECT_EQ(per_head->attn_weights().data().size(), 2U * 12 * 3 * 3 * 4);
  EXPECT_THAT(average->attn_weights().shape(), ElementsAre(2, 3, 3));
}

TEST(AttendAnswersTest, PackedWeightsHaveOneAxis) {
  v1::AttendRequest request;
  request.set_model("sdpa");
  *request.mutable_queries() = ZeroTensor({5, 4, 8});
  *request.mutable_keys() = ZeroTensor({8, 4, 8});
  *request.mutable_values() = ZeroTensor({8, 4, 8});
  for (const int length : {2, 3}) request.add_q_lengths(length);
  for (const int length : {7, 1}) request.add_kv_lengths(length);
  request.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);

  const auto answer = AnswerWithoutArithmetic(request);

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->attn_weights().shape(), ElementsAre(4 * (2 * 7 + 3 * 1)));
  EXPECT_EQ(answer->timing().batch_tokens(), 5);
}

TEST(AttendAnswersTest, RefusesUnknownModelsAndQueriesWithoutAxes) {
  EXPECT_EQ(AnswerWithoutArithmetic(SelfAttention("bert", 1, 1, 8))
                .status()
                .message(),
            "there is no model bert, there are sdpa, minilm/0");
  v1::AttendRequest request;
  request.set_model("sdpa");
  EXPECT_EQ(AnswerWithoutArithmetic(request).status().message(),
            "queries: rank is 0, the least is 2");
}

}  // namespace
}  // namespace attention
