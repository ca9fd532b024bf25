// Proves that models are found by name, listed as people count, replaced all at
// once, and that names that would confuse somebody are refused.
#include "core/model/model_registry.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/zero_model.h"

namespace attention {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const ModelRegistry& registry) {
  std::vector<std::string> names;
  for (const auto& model : registry.List()) names.push_back(model->name());
  return names;
}

std::string FindError(const ModelRegistry& registry, const std::string& name) {
  const absl::Status status = registry.Find(name).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  return std::string(status.message());
}

TEST(ModelRegistryTest, FindsWhatWasAdded) {
  ModelRegistry registry;
  const auto model = MakeZeroModel("minilm/0");
  ASSERT_TRUE(registry.Add(model).ok());
  EXPECT_EQ(registry.Find("minilm/0").value(), model);
}

TEST(ModelRegistryTest, ListsInNaturalOrder) {
  ModelRegistry registry;
  for (const char* name : {"m/10", "m/2", "m/1", "a"}) {
    ASSERT_TRUE(registry.Add(MakeZeroModel(name)).ok());
  }
  EXPECT_THAT(Names(registry), ElementsAre("a", "m/1", "m/2", "m/10"));
}

TEST(ModelRegistryTest, NotFoundNamesTheFirstModels) {
  ModelRegistry registry;
  EXPECT_EQ(FindError(registry, "foo"),
            "model \"foo\" is not loaded; there is sdpa");
  for (const char* layer : {"0", "1"}) {
    ASSERT_TRUE(
        registry.Add(MakeZeroModel(std::string("minilm/") + layer)).ok());
  }
  EXPECT_EQ(FindError(registry, "foo"),
            "model \"foo\" is not loaded; there are sdpa, minilm/0, minilm/1");
  for (const char* layer : {"2", "3", "4", "5"}) {
    ASSERT_TRUE(
        registry.Add(MakeZeroModel(std::string("minilm/") + layer)).ok());
  }
  EXPECT_EQ(FindError(registry, "foo"),
            "model \"foo\" is not loaded; there are sdpa, minilm/0, minilm/1, "
            "... (7 in all)");
}

TEST(ModelRegistryTest, NamesFromClientsAreEscapedAndShortened) {
  const ModelRegistry registry;
  EXPECT_THAT(FindError(registry, "a\nb\xff"), HasSubstr(R"("a\nb\xff")"));
  EXPECT_LT(FindError(registry, std::string(1 << 20, 'x')).size(), 200u);
}

TEST(ModelRegistryTest, ATakenNameAlreadyExists) {
  ModelRegistry registry;
  const auto first = MakeZeroModel("m");
  ASSERT_TRUE(registry.Add(first).ok());
  EXPECT_EQ(registry.Add(MakeZeroModel("m")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry.Find("m").value(), first);
}

TEST(ModelRegistryTest, ReplacesAModelThatSomebodyKeeps) {
  ModelRegistry registry;
  const auto first = MakeZeroModel("m");
  const auto second = MakeZeroModel("m");
  ASSERT_TRUE(registry.Add(first).ok());
  const auto kept = registry.Find("m").value();
  ASSERT_TRUE(registry.Replace({"m"}, {second}).ok());
  EXPECT_EQ(registry.Find("m").value(), second);
  EXPECT_EQ(kept, first);
}

TEST(ModelRegistryTest, ReplacesModelsByOthersOrByNone) {
  ModelRegistry registry;
  for (const char* name : {"a", "m/0", "m/1", "m/2"}) {
    ASSERT_TRUE(registry.Add(MakeZeroModel(name)).ok());
  }
  ASSERT_TRUE(registry
                  .Replace({"m/0", "m/1", "m/2", "not there"},
                           {MakeZeroModel("m/1"), MakeZeroModel("m/3")})
                  .ok());
  EXPECT_THAT(Names(registry), ElementsAre("a", "m/1", "m/3"));
  ASSERT_TRUE(registry.Replace({"m/1", "m/3"}, {}).ok());
  EXPECT_THAT(Names(registry), ElementsAre("a"));
}

TEST(ModelRegistryTest, AnErrorReplacesNothing) {
  ModelRegistry registry;
  const auto first = MakeZeroModel("m/0");
  for (const auto& model : {first, MakeZeroModel("other")}) {
    ASSERT_TRUE(registry.Add(model).ok());
  }
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeZeroModel("m/0"), MakeZeroModel("other")})
          .code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeZeroModel("m/1"), MakeZeroModel("m/1")})
          .code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeZeroModel("m/0"), MakeZeroModel("sdpa")})
          .code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(registry.Find("m/0").value(), first);
  EXPECT_THAT(Names(registry), ElementsAre("m/0", "other"));
}

TEST(ModelRegistryTest, NobodySeesAPartOfWhatIsReplaced) {
  ModelRegistry registry;
  ASSERT_TRUE(
      registry.Replace({}, {MakeZeroModel("a"), MakeZeroModel("b")}).ok());
  std::atomic<bool> end = false;
  std::thread reader([&] {
    while (!end) {
      EXPECT_THAT(Names(registry),
                  AnyOf(ElementsAre("a", "b"), ElementsAre("c", "d")));
    }
  });
  constexpr int kTimes = 200;
  for (int i = 0; i < kTimes; ++i) {
    EXPECT_TRUE(
        registry.Replace({"a", "b"}, {MakeZeroModel("c"), MakeZeroModel("d")})
            .ok());
    EXPECT_TRUE(
        registry.Replace({"c", "d"}, {MakeZeroModel("a"), MakeZeroModel("b")})
            .ok());
  }
  end = true;
  reader.join();
}

TEST(ModelRegistryTest, NamesMayHave128BytesOfTheAllowedCharacters) {
  ModelRegistry registry;
  EXPECT_TRUE(registry.Add(MakeZeroModel("aZ09._/-")).ok());
  EXPECT_TRUE(registry.Add(MakeZeroModel(std::string(128, 'a'))).ok());
}

TEST(ModelRegistryTest, OtherNamesAreRefused) {
  ModelRegistry registry;
  for (const std::string& name :
       {std::string(), std::string("sdpa"), std::string(129, 'a'),
        std::string("a b"), std::string("a\n"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(registry.Add(MakeZeroModel(name)).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(registry.List().empty());
}

}  // namespace
}  // namespace attention
