// Proves that models are found by name, listed as people count, replaced all at
// once, and that names that would confuse somebody are refused.
#include "core/model/model_registry.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One head of width one, every weight zero.
std::shared_ptr<const Model> MakeModel(const std::string& name) {
  static constexpr float kZero = 0;
  const LinearWeights linear{
      .weight = {DType::kF32, Shape({1, 1}),
                 reinterpret_cast<const std::byte*>(&kZero)}};
  return Model::Create(name, AttentionSpec{},
                       {.q_proj = linear,
                        .k_proj = linear,
                        .v_proj = linear,
                        .out_proj = linear})
      .value();
}

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
  const auto model = MakeModel("minilm/0");
  ASSERT_TRUE(registry.Add(model).ok());
  EXPECT_EQ(registry.Find("minilm/0").value(), model);
}

TEST(ModelRegistryTest, ListsInNaturalOrder) {
  ModelRegistry registry;
  for (const char* name : {"m/10", "m/2", "m/1", "a"}) {
    ASSERT_TRUE(registry.Add(MakeModel(name)).ok());
  }
  EXPECT_THAT(Names(registry), ElementsAre("a", "m/1", "m/2", "m/10"));
}

TEST(ModelRegistryTest, NotFoundNamesTheFirstModels) {
  ModelRegistry registry;
  EXPECT_EQ(FindError(registry, "foo"),
            "model \"foo\" is not loaded; there is sdpa");
  for (const char* layer : {"0", "1"}) {
    ASSERT_TRUE(registry.Add(MakeModel(std::string("minilm/") + layer)).ok());
  }
  EXPECT_EQ(FindError(registry, "foo"),
            "model \"foo\" is not loaded; there are sdpa, minilm/0, minilm/1");
  for (const char* layer : {"2", "3", "4", "5"}) {
    ASSERT_TRUE(registry.Add(MakeModel(std::string("minilm/") + layer)).ok());
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
  const auto first = MakeModel("m");
  ASSERT_TRUE(registry.Add(first).ok());
  EXPECT_EQ(registry.Add(MakeModel("m")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry.Find("m").value(), first);
}

TEST(ModelRegistryTest, ReplacesAModelThatSomebodyKeeps) {
  ModelRegistry registry;
  const auto first = MakeModel("m");
  const auto second = MakeModel("m");
  ASSERT_TRUE(registry.Add(first).ok());
  const auto kept = registry.Find("m").value();
  ASSERT_TRUE(registry.Replace({"m"}, {second}).ok());
  EXPECT_EQ(registry.Find("m").value(), second);
  EXPECT_EQ(kept, first);
}

TEST(ModelRegistryTest, ReplacesModelsByOthersOrByNone) {
  ModelRegistry registry;
  for (const char* name : {"a", "m/0", "m/1", "m/2"}) {
    ASSERT_TRUE(registry.Add(MakeModel(name)).ok());
  }
  ASSERT_TRUE(registry
                  .Replace({"m/0", "m/1", "m/2", "not there"},
                           {MakeModel("m/1"), MakeModel("m/3")})
                  .ok());
  EXPECT_THAT(Names(registry), ElementsAre("a", "m/1", "m/3"));
  ASSERT_TRUE(registry.Replace({"m/1", "m/3"}, {}).ok());
  EXPECT_THAT(Names(registry), ElementsAre("a"));
}

TEST(ModelRegistryTest, AnErrorReplacesNothing) {
  ModelRegistry registry;
  const auto first = MakeModel("m/0");
  for (const auto& model : {first, MakeModel("other")}) {
    ASSERT_TRUE(registry.Add(model).ok());
  }
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeModel("m/0"), MakeModel("other")}).code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeModel("m/1"), MakeModel("m/1")}).code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      registry.Replace({"m/0"}, {MakeModel("m/0"), MakeModel("sdpa")}).code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(registry.Find("m/0").value(), first);
  EXPECT_THAT(Names(registry), ElementsAre("m/0", "other"));
}

TEST(ModelRegistryTest, NobodySeesAPartOfWhatIsReplaced) {
  ModelRegistry registry;
  ASSERT_TRUE(registry.Replace({}, {MakeModel("a"), MakeModel("b")}).ok());
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
        registry.Replace({"a", "b"}, {MakeModel("c"), MakeModel("d")}).ok());
    EXPECT_TRUE(
        registry.Replace({"c", "d"}, {MakeModel("a"), MakeModel("b")}).ok());
  }
  end = true;
  reader.join();
}

TEST(ModelRegistryTest, NamesMayHave128BytesOfTheAllowedCharacters) {
  ModelRegistry registry;
  EXPECT_TRUE(registry.Add(MakeModel("aZ09._/-")).ok());
  EXPECT_TRUE(registry.Add(MakeModel(std::string(128, 'a'))).ok());
}

TEST(ModelRegistryTest, OtherNamesAreRefused) {
  ModelRegistry registry;
  for (const std::string& name :
       {std::string(), std::string("sdpa"), std::string(129, 'a'),
        std::string("a b"), std::string("a\n"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(registry.Add(MakeModel(name)).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(registry.List().empty());
}

}  // namespace
}  // namespace attention
