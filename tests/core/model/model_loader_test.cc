// Proves that LoadModels finds the layout of what it is given, on real models
// and on what is none.
#include "core/model/model_loader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/attention/isa.h"
#include "core/tensor/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/model/model_directory.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string TestData() {
  const char* data = std::getenv("ATTENTION_TEST_DATA");
  if (data == nullptr) ADD_FAILURE() << "set ATTENTION_TEST_DATA to tests/data";
  return data == nullptr ? "" : data;
}

std::string MiniLm() { return TestData() + "/../../server/demo/minilm"; }

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string LoadError(const std::string& path, absl::StatusCode code) {
  const absl::Status status = LoadModels("m", path).status();
  EXPECT_EQ(status.code(), code) << status;
  return std::string(status.message());
}

void ExpectMiniLm(
    const absl::StatusOr<std::vector<std::shared_ptr<const Model>>>& models) {
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 6u);
  for (int layer = 0; layer < 6; ++layer) {
    const Model& model = *(*models)[layer];
    EXPECT_EQ(model.name(), "minilm/" + std::to_string(layer));
    EXPECT_EQ(model.spec().num_heads, 12);
    EXPECT_EQ(model.spec().head_dim, 32);
    EXPECT_EQ(model.embed_dim(), 384);
    EXPECT_EQ(model.dtype(), DType::kF16);
    EXPECT_EQ(model.spec().compute_dtype, DType::kF32);
    // Four 384 x 384 weights and their biases in two bytes each.
    EXPECT_EQ(model.weights().ParameterBytes(), 2 * 4 * (384 * 384 + 384));
  }
}

TEST(ModelLoaderTest, LoadsTheDemoModelFromItsDirectory) {
  ExpectMiniLm(LoadModels("minilm", MiniLm()));
}

TEST(ModelLoaderTest, LoadsTheDemoModelFromMemoryWithoutACopy) {
  const std::string config = ReadText(MiniLm() + "/config.json");
  const std::string file = ReadText(MiniLm() + "/model.safetensors");

  const auto models = LoadEmbeddedModels(
      "minilm", config, std::as_bytes(std::span(file.data(), file.size())));

  ExpectMiniLm(models);
  const auto* data = reinterpret_cast<const char*>(
      (*models)[5]->weights().out_proj.weight.data);
  EXPECT_GE(data, file.data());
  EXPECT_LT(data, file.data() + file.size());
}

TEST(ModelLoaderTest, ErrorsOfEmbeddedModelsSayWhichPart) {
  const std::string file = SerializeTestTensors(
      {{"encoder.layer.0.attention.self.query.weight", {.shape = {1, 1}}}}, {});
  const auto bytes = std::as_bytes(std::span(file.data(), file.size()));
  const auto message = [](const auto& models) {
    return std::string(models.status().message());
  };
  EXPECT_THAT(message(LoadEmbeddedModels("m", "{", bytes)),
              StartsWith("embedded config.json: "));
  EXPECT_THAT(message(LoadEmbeddedModels("m", "{}", {})),
              StartsWith("embedded model.safetensors: "));
  const std::string other = SerializeTestTensors({}, {});
  EXPECT_THAT(
      message(LoadEmbeddedModels(
          "m", "{}", std::as_bytes(std::span(other.data(), other.size())))),
      HasSubstr("has no attention layer"));
}

TEST(ModelLoaderTest, EveryLayoutComputesInTheTypeThatIsAskedFor) {
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  const std::string config = ReadText(MiniLm() + "/config.json");
  const std::string file = ReadText(MiniLm() + "/model.safetensors");
  for (const auto& models :
       {LoadModels("m", MiniLm(), DType::kBF16),
        LoadModels("m", TestData() + "/torch-mha/self_b2_l7_e16_h4.safetensors",
                   DType::kBF16),
        LoadEmbeddedModels("m", config,
                           std::as_bytes(std::span(file.data(), file.size())),
                           DType::kBF16)}) {
    ASSERT_TRUE(models.ok()) << models.status();
    EXPECT_EQ(models->back()->spec().compute_dtype, DType::kBF16);
  }
}

// The state dicts that PyTorch wrote; what they are is in their metadata.
TEST(ModelLoaderTest, LoadsEveryStateDictOfPyTorch) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TestData() + "/torch-mha")) {
    ++files;
    const Safetensors file = Safetensors::Open(entry.path().string()).value();

    const auto models = LoadModels("mha", entry.path().string());

    ASSERT_TRUE(models.ok()) << models.status();
    ASSERT_EQ(models->size(), 1u) << entry.path();
    const Model& model = *models->front();
    const auto said = [&file](const char* key) {
      return file.metadata().at(key);
    };
    EXPECT_EQ(model.name(), "mha");
    EXPECT_EQ(std::to_string(model.spec().num_heads), said("num_heads"));
    EXPECT_EQ(std::to_string(model.embed_dim()), said("embed_dim"));
    EXPECT_EQ(std::to_string(model.kdim()), said("kdim"));
    EXPECT_EQ(std::to_string(model.vdim()), said("vdim"));
    EXPECT_EQ(model.weights().q_proj.bias.data != nullptr,
              said("bias") == "True");
  }
  EXPECT_EQ(files, 14);
}

TEST(ModelLoaderTest, LoadsADirectoryWithAStateDict) {
  const ModelDirectory directory;
  directory.WriteTensors("model.safetensors",
                         {{"in_proj_weight", {.shape = {6, 2}}},
                          {"out_proj.weight", {.shape = {2, 2}}}});
  directory.Write("config.json", R"({"num_heads":2})");

  const auto models = LoadModels("m", directory.path());

  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ(models->front()->spec().num_heads, 2);
}

TEST(ModelLoaderTest, LoadsShards) {
  const ModelDirectory directory;
  const std::string layer = "encoder.layer.0.attention.";
  directory.WriteTensors("1.safetensors",
                         {{layer + "self.query.weight", {.shape = {2, 2}}},
                          {layer + "self.key.weight", {.shape = {2, 2}}}});
  directory.WriteTensors("2.safetensors",
                         {{layer + "self.value.weight", {.shape = {2, 2}}},
                          {layer + "output.dense.weight", {.shape = {2, 2}}}});
  directory.Write("model.safetensors.index.json",
                  R"({"weight_map":{")" + layer +
                      R"(self.query.weight":"1.safetensors",")" + layer +
                      R"(self.key.weight":"1.safetensors",")" + layer +
                      R"(self.value.weight":"2.safetensors",")" + layer +
                      R"(output.dense.weight":"2.safetensors"}})");
  directory.Write("config.json",
                  R"({"hidden_size":2,"num_attention_heads":1})");

  const auto models = LoadModels("m", directory.path());

  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 1u);
  EXPECT_EQ(models->front()->name(), "m/0");
}

TEST(ModelLoaderTest, AMissingPathIsNotFound) {
  const ModelDirectory directory;
  const std::string path = directory.PathOf("missing");
  EXPECT_THAT(LoadError(path, absl::StatusCode::kNotFound),
              StartsWith(path + ": "));
}

TEST(ModelLoaderTest, ADirectoryWithoutAModelIsNotFound) {
  const ModelDirectory directory;
  EXPECT_EQ(LoadError(directory.path(), absl::StatusCode::kNotFound),
            directory.path() +
                ": has neither model.safetensors nor "
                "model.safetensors.index.json");
}

TEST(ModelLoaderTest, AFileThatIsNoSafetensorsFileIsRefused) {
  const ModelDirectory directory;
  directory.Write("notes.txt", "These are my notes.");
  const std::string path = directory.PathOf("notes.txt");
  EXPECT_THAT(LoadError(path, absl::StatusCode::kInvalidArgument),
              StartsWith(path + ": says its header has "));
}

TEST(ModelLoaderTest, AFileWithoutAttentionSaysWhatItHas) {
  const ModelDirectory directory;
  directory.WriteTensors("model.safetensors",
                         {{"wte.weight", {.shape = {2, 2}}}});
  EXPECT_THAT(LoadError(directory.path(), absl::StatusCode::kInvalidArgument),
              AllOf(HasSubstr("model.safetensors: has no attention layer"),
                    HasSubstr("wte.weight")));
}

TEST(ModelLoaderTest, BertWithoutAConfigNamesTheMissingFile) {
  const ModelDirectory directory;
  directory.WriteTensors(
      "model.safetensors",
      {{"encoder.layer.0.attention.self.query.weight", {.shape = {2, 2}}}});
  EXPECT_THAT(LoadError(directory.path(), absl::StatusCode::kNotFound),
              StartsWith(directory.PathOf("config.json") + ": "));
  directory.Write("config.json", "{\"hidden_size\":");
  EXPECT_THAT(LoadError(directory.path(), absl::StatusCode::kInvalidArgument),
              StartsWith(directory.PathOf("config.json") + ": is not valid"));
}

TEST(ModelLoaderTest, AnUnreadableFileOrDirectoryIsPermissionDenied) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const ModelDirectory directory;
  directory.WriteTensors("model.safetensors", {});
  const std::string path = directory.PathOf("model.safetensors");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  EXPECT_THAT(LoadError(directory.path(), absl::StatusCode::kPermissionDenied),
              StartsWith(path + ": "));
  ASSERT_EQ(chmod(directory.path().c_str(), 0), 0);
  EXPECT_THAT(LoadError(directory.path(), absl::StatusCode::kPermissionDenied),
              StartsWith(path + ": "));
  ASSERT_EQ(chmod(directory.path().c_str(), 0700), 0);
}

}  // namespace
}  // namespace attention
