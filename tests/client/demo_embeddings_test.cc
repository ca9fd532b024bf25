// Proves tokens and embeddings of the demo model on its six sample sentences:
// tokens and the first layer's input were computed by the original model in
// double precision and are stored in tests/data/minilm.
#include "client/cli/demo_embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace attention {
namespace {

// Stored as f32: half a unit in the last place of numbers around 1, and as much
// again from rounding ours.
constexpr double kTolerance = 2e-7;

std::string SamplesPath() {
  return absl::StrCat(std::getenv("ATTENTION_TEST_DATA"),
                      "/minilm/samples.safetensors");
}

// "[CLS] the suit ##ca ##se . [SEP]" as somebody would type it.
std::string AsTyped(absl::string_view tokens) {
  absl::ConsumePrefix(&tokens, "[CLS] ");
  absl::ConsumeSuffix(&tokens, " [SEP]");
  return absl::StrReplaceAll(tokens, {{" ##", ""}});
}

TEST(DemoEmbeddingsTest, MatchesTheModelOnEverySampleSentence) {
  const auto demo = DemoEmbeddings::Load();
  ASSERT_TRUE(demo.ok()) << demo.status();
  const auto samples = Safetensors::Open(SamplesPath());
  ASSERT_TRUE(samples.ok()) << samples.status();

  for (int i = 0; i < 6; ++i) {
    const std::string name = absl::StrCat("sentence", i);
    SCOPED_TRACE(name);
    const std::string tokens = samples->metadata().find(name)->second;
    const auto hidden = samples->Get(name + ".layer0.hidden");
    ASSERT_TRUE(hidden.ok()) << hidden.status();
    std::vector<float> expected(hidden->shape[0] * hidden->shape[1]);
    std::memcpy(expected.data(), hidden->data, expected.size() * sizeof(float));

    const auto embedded = demo->Embed(AsTyped(tokens));

    ASSERT_TRUE(embedded.ok()) << embedded.status();
    EXPECT_EQ(absl::StrJoin(embedded->tokens, " "), tokens);
    ASSERT_EQ(embedded->embeddings.size(), expected.size());
    double magnitude = 0;
    double error = 0;
    for (std::size_t j = 0; j < expected.size(); ++j) {
      magnitude = std::max(magnitude, std::abs(double{expected[j]}));
      error = std::max(error,
                       std::abs(double{embedded->embeddings[j]} - expected[j]));
    }
    EXPECT_LE(error, kTolerance * magnitude);
  }
}

TEST(DemoEmbeddingsTest, TakesAsManyTokensAsThereArePositions) {
  const auto demo = DemoEmbeddings::Load();
  ASSERT_TRUE(demo.ok()) << demo.status();
  std::string text;
  for (int i = 0; i < 510; ++i) {
    text += "the ";
  }

  const auto fits = demo->Embed(text);
  const auto too_long = demo->Embed(text + "end");

  ASSERT_TRUE(fits.ok()) << fits.status();
  EXPECT_EQ(fits->tokens.size(), 512U);
  EXPECT_EQ(too_long.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_long.status().message()),
              ::testing::HasSubstr("513 tokens, the demo model has 512"));
}

}  // namespace
}  // namespace attention
