// Proves which model a name and a version mean.
#include "server/inference/served_name.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

class ServedNameTest : public ::testing::Test {
 protected:
  absl::StatusOr<ServedModel> Find(absl::string_view name,
                                   absl::string_view version = "") const {
    return FindServed(catalog_.context().service.registry, name, version);
  }

  void ExpectNotFound(absl::string_view name, absl::string_view version,
                      const std::string& message) const {
    const auto served = Find(name, version);
    EXPECT_EQ(served.status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(served.status().message()), HasSubstr(message));
  }

  const Catalog catalog_;
};

TEST_F(ServedNameTest, EveryModelHasTwoNames) {
  for (const char* model : {"bert/0", "cross", "sdpa"}) {
    const auto plain = Find(model);
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_EQ(plain->name.model, model);
    EXPECT_FALSE(plain->name.has_weights);
    const auto weights = Find(std::string(model) + "@weights", "1");
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(weights->name.model, model);
    EXPECT_TRUE(weights->name.has_weights);
  }
}

TEST_F(ServedNameTest, BothNamesMeanTheModelThatIsLoaded) {
  const auto loaded = catalog_.context().service.registry.Find("bert/1");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(Find("bert/1")->model, *loaded);
  EXPECT_EQ(Find("bert/1@weights")->model, *loaded);
  EXPECT_EQ(Find("sdpa")->model, nullptr);
}

TEST_F(ServedNameTest, UnknownModelsAreToldTheKnownOnes) {
  ExpectNotFound("nobody", "",
                 "model \"nobody\" is not loaded; there are sdpa");
  ExpectNotFound("nobody@weights", "", "model \"nobody\" is not loaded");
  ExpectNotFound("", "", "model \"\" is not loaded");
  ExpectNotFound("@weights", "", "model \"\" is not loaded");
  ExpectNotFound("bert/0@weights@weights", "", "\"bert/0@weights\"");
}

TEST_F(ServedNameTest, ThereIsOneVersion) {
  ExpectNotFound("sdpa", "2",
                 "model sdpa has no version \"2\"; ask for \"1\", or leave it "
                 "out");
  ExpectNotFound("bert/0@weights", "01", "model bert/0@weights has no version");
}

}  // namespace
}  // namespace attention::oip
