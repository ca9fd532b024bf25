// Proves that tensors are found in one file or many, as views into the mapped
// files, and that an index cannot lead anywhere else.
#include "core/model/checkpoint.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/model/model_directory.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kIndex[] = "model.safetensors.index.json";

class CheckpointTest : public ::testing::Test {
 protected:
  // The message of opening an index with this text.
  std::string IndexError(const std::string& text) const {
    directory_.Write(kIndex, text);
    return std::string(
        Checkpoint::OpenSharded(directory_.PathOf(kIndex)).status().message());
  }

  ModelDirectory directory_;
};

TEST_F(CheckpointTest, ASingleFileHasItsTensorsAndMetadata) {
  directory_.WriteTensors("one.safetensors", {{"a", {.shape = {2, 3}}}},
                          {{"num_heads", "4"}});

  const auto checkpoint =
      Checkpoint::Open(directory_.PathOf("one.safetensors"));

  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_TRUE(checkpoint->Has("a"));
  EXPECT_FALSE(checkpoint->Has("b"));
  EXPECT_EQ(checkpoint->metadata().at("num_heads"), "4");
  EXPECT_EQ(checkpoint->Get("a", {2, kAnyDim})->shape, Shape({2, 3}));
}

TEST_F(CheckpointTest, GetChecksDTypeAndShape) {
  directory_.WriteTensors("one.safetensors", {{"a", {.shape = {2, 3}}},
                                              {"double", {DType::kF64, {2}}},
                                              {"empty", {.shape = {0, 3}}}});
  const std::string path = directory_.PathOf("one.safetensors");
  const Checkpoint checkpoint = Checkpoint::Open(path).value();

  const auto message = [&](const char* name,
                           const std::vector<std::int64_t>& dims) {
    return std::string(checkpoint.Get(name, dims).status().message());
  };

  EXPECT_EQ(message("none", {1}), path + ": has no tensor \"none\"");
  EXPECT_EQ(message("double", {2}),
            path + ": tensor \"double\" is F64, must be F32, F16 or BF16");
  EXPECT_EQ(message("a", {2, 4}),
            path + ": tensor \"a\" is [2, 3], must be [2, 4]");
  EXPECT_EQ(message("a", {kAnyDim}),
            path + ": tensor \"a\" is [2, 3], must be [any]");
  EXPECT_EQ(message("empty", {kAnyDim, 3}),
            path + ": tensor \"empty\" is [0, 3], must be [any, 3]");
}

TEST_F(CheckpointTest, ShardsAreJoined) {
  directory_.WriteTensors("1.safetensors",
                          {{"a", {.shape = {2}}}, {"unused", {.shape = {1}}}});
  directory_.WriteTensors("2.safetensors", {{"b", {.shape = {3}}}});
  directory_.Write(kIndex, R"({"metadata":{"total_size":20},"weight_map":)"
                           R"({"a":"1.safetensors","b":"2.safetensors"}})");

  auto checkpoint = Checkpoint::OpenSharded(directory_.PathOf(kIndex));

  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->tensors().at("b").file,
            directory_.PathOf("2.safetensors"));
  // The storage alone keeps the views alive.
  const TensorView b = checkpoint->Get("b", {3}).value();
  const std::shared_ptr<const void> storage = checkpoint->storage();
  checkpoint = absl::CancelledError();
  EXPECT_EQ(b.data[0], std::byte{0});
}

TEST_F(CheckpointTest, AMissingShardIsNamedWithItsIndex) {
  EXPECT_THAT(IndexError(R"({"weight_map":{"a":"gone.safetensors"}})"),
              AllOf(StartsWith(directory_.PathOf("gone.safetensors")),
                    HasSubstr(directory_.PathOf(kIndex))));
}

TEST_F(CheckpointTest, ABrokenShardIsNamed) {
  directory_.Write("bad.safetensors", "x");
  EXPECT_THAT(IndexError(R"({"weight_map":{"a":"bad.safetensors"}})"),
              StartsWith(directory_.PathOf("bad.safetensors") + ": has 1 "));
}

TEST_F(CheckpointTest, ATensorThatTheShardLacksIsNamed) {
  directory_.WriteTensors("1.safetensors", {{"a", {.shape = {2}}}});
  EXPECT_EQ(IndexError(R"({"weight_map":{"b":"1.safetensors"}})"),
            directory_.PathOf("1.safetensors") +
                ": has no tensor \"b\", which " + directory_.PathOf(kIndex) +
                " says it has");
}

TEST_F(CheckpointTest, ShardsOutsideTheDirectoryAreRefused) {
  for (const char* shard : {"../secret.safetensors", "/etc/passwd",
                            "sub/1.safetensors", "..", ".", "", "a\\u0000b"}) {
    EXPECT_THAT(
        IndexError(std::string(R"({"weight_map":{"a":")") + shard + R"("}})"),
        HasSubstr("must be the name of a file in the same directory"))
        << shard;
  }
}

TEST_F(CheckpointTest, AnIndexOfTheWrongFormIsRefused) {
  EXPECT_THAT(IndexError("{"), HasSubstr("not valid UTF-8 JSON"));
  EXPECT_THAT(IndexError("{}"), HasSubstr("has no object \"weight_map\""));
  EXPECT_THAT(IndexError(R"({"weight_map":["a"]})"),
              HasSubstr("has no object \"weight_map\""));
  EXPECT_THAT(IndexError(R"({"weight_map":{"a":1}})"),
              HasSubstr("weight_map of tensor \"a\" must be the name"));
}

TEST_F(CheckpointTest, ErrorsOfAFileInMemoryBeginWithItsName) {
  const auto status = Checkpoint::Parse("demo", {}).status();
  EXPECT_THAT(std::string(status.message()), StartsWith("demo: has 0 bytes"));
}

}  // namespace
}  // namespace attention
