// Proves that BERT layers are found under every prefix, become models in their
// order, and that whatever is missing or does not fit is named with its file.
#include "core/model/hugging_face.h"

#include <string>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/model/model_directory.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"({"hidden_size":4,"num_attention_heads":2})";

std::string LayerName(const std::string& prefix, int layer,
                      const std::string& rest) {
  return prefix + "encoder.layer." + std::to_string(layer) + ".attention." +
         rest;
}

TestTensors BertTensors(int layers, const std::string& prefix = "",
                        bool has_bias = true) {
  TestTensors tensors;
  for (int layer = 0; layer < layers; ++layer) {
    for (const char* part :
         {"self.query", "self.key", "self.value", "output.dense"}) {
      const std::string name = LayerName(prefix, layer, part);
      tensors[name + ".weight"] = {.shape = {4, 4}};
      if (has_bias) tensors[name + ".bias"] = {.shape = {4}};
    }
    tensors[LayerName(prefix, layer, "output.LayerNorm.weight")] = {
        .shape = {4}};
  }
  tensors[prefix + "embeddings.word_embeddings.weight"] = {.shape = {9, 4}};
  return tensors;
}

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> Load(
    const TestTensors& tensors, const std::string& config = kConfig,
    DType compute_dtype = DType::kF32) {
  const ModelDirectory directory;
  directory.WriteTensors("model.safetensors", tensors);
  const Checkpoint checkpoint =
      Checkpoint::Open(directory.PathOf("model.safetensors")).value();
  EXPECT_TRUE(HasBertLayers(checkpoint));
  return LoadBertModels("m", checkpoint,
                        ParseJsonObject("config.json", config).value(),
                        compute_dtype);
}

std::string LoadError(const TestTensors& tensors,
                      const std::string& config = kConfig,
                      DType compute_dtype = DType::kF32) {
  const absl::Status status = Load(tensors, config, compute_dtype).status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

TEST(HuggingFaceTest, EveryLayerBecomesAModelInItsOrder) {
  for (const char* prefix : {"", "bert.", "roberta.", "model.text."}) {
    const auto models = Load(BertTensors(11, prefix));

    ASSERT_TRUE(models.ok()) << models.status();
    ASSERT_EQ(models->size(), 11u);
    EXPECT_EQ((*models)[2]->name(), "m/2");
    EXPECT_EQ((*models)[10]->name(), "m/10");
    EXPECT_EQ((*models)[10]->spec(), (AttentionSpec{.num_heads = 2,
                                                    .num_kv_heads = 2,
                                                    .head_dim = 2,
                                                    .v_head_dim = 2}));
    EXPECT_NE((*models)[0]->weights().out_proj.bias.data, nullptr);
  }
}

TEST(HuggingFaceTest, BiasesMayBeAbsent) {
  const auto models = Load(BertTensors(1, "", /*has_bias=*/false));
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ((*models)[0]->weights().q_proj.bias.data, nullptr);
  EXPECT_EQ((*models)[0]->weights().out_proj.bias.data, nullptr);
}

TEST(HuggingFaceTest, EveryLayerComputesInTheTypeThatIsAskedFor) {
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  const auto models = Load(BertTensors(3), kConfig, DType::kBF16);
  ASSERT_TRUE(models.ok()) << models.status();
  for (const auto& model : *models) {
    EXPECT_EQ(model->spec().compute_dtype, DType::kBF16) << model->name();
    EXPECT_EQ(model->dtype(), DType::kF32);
  }
}

TEST(HuggingFaceTest, AComputeTypeThatTheLayersCannotHaveIsRefused) {
  EXPECT_THAT(LoadError(BertTensors(1), kConfig, DType::kF16),
              AllOf(HasSubstr("model.safetensors: layer 0: "),
                    HasSubstr("compute_dtype is f16, must be f32 or bf16")));
  const std::string odd = R"({"hidden_size":4,"num_attention_heads":4})";
  EXPECT_THAT(LoadError(BertTensors(1), odd, DType::kBF16),
              AllOf(HasSubstr("model.safetensors: layer 0: "),
                    HasSubstr("head_dim is 1, must be even")));
}

TEST(HuggingFaceTest, OtherNamesAreNoLayers) {
  for (const char* name :
       {"decoder.layer.0.attention.self.query.weight",
        "encoder.layer.x.attention.self.query.weight",
        "encoder.layer.00.attention.self.query.weight",
        "encoder.layer.-1.attention.self.query.weight",
        "encoder.layer.0.crossattention.self.query.weight",
        "myencoder.layer.0.attention.self.query.weight", "encoder.layer.0",
        "encoder.layer.0.attention.output.dense.weight"}) {
    const std::string file =
        SerializeTestTensors({{name, {.shape = {4, 4}}}}, {});
    const auto checkpoint = Checkpoint::Parse(
        "file", std::as_bytes(std::span(file.data(), file.size())));
    EXPECT_FALSE(HasBertLayers(*checkpoint)) << name;
  }
}

TEST(HuggingFaceTest, EveryMissingWeightIsNamed) {
  for (const char* part :
       {"self.query", "self.key", "self.value", "output.dense"}) {
    TestTensors tensors = BertTensors(2);
    const std::string name = LayerName("", 1, part) + ".weight";
    tensors.erase(name);
    EXPECT_THAT(LoadError(tensors),
                AllOf(HasSubstr("model.safetensors"),
                      HasSubstr("has no tensor \"" + name + "\"")));
  }
}

TEST(HuggingFaceTest, AMissingLayerIsNamed) {
  TestTensors tensors = BertTensors(3);
  std::erase_if(tensors, [](const auto& tensor) {
    return tensor.first.find(".layer.1.") != std::string::npos;
  });
  EXPECT_THAT(LoadError(tensors),
              HasSubstr("\"encoder.layer.1.attention.self.query.weight\""));
}

TEST(HuggingFaceTest, MoreLayersThanTensorsAreRefused) {
  // The largest layer that the other tensors leave room for, the one after it,
  // and the largest number.
  for (const char* layer : {"1", "2", "9223372036854775807"}) {
    const std::string name =
        std::string("encoder.layer.") + layer + ".attention.self.query.weight";
    const std::string expected =
        layer == std::string("1")
            ? "has no tensor \"encoder.layer.0.attention.self.query.weight\""
            : std::string("has a layer ") + layer +
                  " but only 2 tensors; layers are missing";
    EXPECT_THAT(LoadError({{name, {.shape = {4, 4}}},
                           {"embeddings.weight", {.shape = {9, 4}}}}),
                HasSubstr(expected));
  }
}

TEST(HuggingFaceTest, OneOfThreeBiasesIsAnError) {
  TestTensors tensors = BertTensors(1);
  tensors.erase(LayerName("", 0, "self.key.bias"));
  EXPECT_THAT(LoadError(tensors), HasSubstr("must have all or none"));
}

TEST(HuggingFaceTest, WrongShapesAndDTypesAreNamed) {
  TestTensors tensors = BertTensors(1);
  tensors[LayerName("", 0, "self.key.weight")] = {.shape = {4, 5}};
  EXPECT_THAT(LoadError(tensors), HasSubstr("attention.self.key.weight\" is "
                                            "[4, 5], must be [4, 4]"));

  tensors = BertTensors(1);
  tensors[LayerName("", 0, "output.dense.bias")] = {.shape = {5}};
  EXPECT_THAT(LoadError(tensors), HasSubstr("attention.output.dense.bias\" is "
                                            "[5], must be [4]"));

  tensors = BertTensors(1);
  tensors[LayerName("", 0, "self.value.weight")] = {DType::kI8, {4, 4}};
  EXPECT_THAT(LoadError(tensors),
              HasSubstr("attention.self.value.weight\" is I8, must be F32"));

  tensors = BertTensors(1);
  tensors[LayerName("", 0, "self.value.weight")] = {DType::kF16, {4, 4}};
  EXPECT_THAT(LoadError(tensors),
              HasSubstr("layer 0: v_proj.weight is F16, must be F32"));
}

TEST(HuggingFaceTest, AttentionOfAnotherKindIsRefused) {
  TestTensors tensors = BertTensors(1);
  tensors[LayerName("", 0, "self.distance_embedding.weight")] = {
      .shape = {7, 2}};
  EXPECT_THAT(LoadError(tensors), AllOf(HasSubstr("distance_embedding"),
                                        HasSubstr("not supported")));
}

TEST(HuggingFaceTest, TwoEncodersAreRefused) {
  TestTensors tensors = BertTensors(1, "a.");
  tensors.merge(BertTensors(1, "b."));
  EXPECT_THAT(LoadError(tensors), HasSubstr("has 2 encoders, \"a.\", \"b.\""));
}

TEST(HuggingFaceTest, TheConfigMustFit) {
  const TestTensors tensors = BertTensors(2);
  EXPECT_THAT(LoadError(tensors, "{}"),
              HasSubstr("config.json: has no hidden_size"));
  EXPECT_THAT(LoadError(tensors, R"({"hidden_size":4})"),
              HasSubstr("config.json: has no num_attention_heads"));
  EXPECT_THAT(
      LoadError(tensors, R"({"hidden_size":4,"num_attention_heads":"2"})"),
      HasSubstr("num_attention_heads must be a positive integer"));
  EXPECT_THAT(
      LoadError(tensors, R"({"hidden_size":4,"num_attention_heads":3})"),
      HasSubstr("hidden_size is 4, must be a multiple of "
                "num_attention_heads 3"));
  EXPECT_THAT(
      LoadError(tensors, R"({"hidden_size":8,"num_attention_heads":2})"),
      HasSubstr("query.weight\" is [4, 4], must be [8, 8]"));
}

TEST(HuggingFaceTest, TheConfigSaysHowManyLayersThereMustBe) {
  const auto config = [](int layers) {
    return R"({"hidden_size":4,"num_attention_heads":2,"num_hidden_layers":)" +
           std::to_string(layers) + "}";
  };
  EXPECT_TRUE(Load(BertTensors(2), config(2)).ok());
  EXPECT_THAT(LoadError(BertTensors(2), config(3)),
              HasSubstr("\"encoder.layer.2.attention.self.query.weight\""));
  EXPECT_THAT(LoadError(BertTensors(2), config(1)),
              HasSubstr("has a layer 1, but config.json says "
                        "num_hidden_layers is 1"));
}

}  // namespace
}  // namespace attention
