// Proves that state dicts of torch.nn.MultiheadAttention are read in both their
// layouts, without a copy, and that whatever is missing or does not fit is
// named with its file.
#include "core/model/torch_mha.h"

#include <cstring>
#include <string>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/model/model_directory.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Metadata = std::map<std::string, std::string, std::less<>>;

// embed_dim 4.
TestTensors Packed(const std::string& prefix) {
  return {{prefix + "in_proj_weight", {.shape = {12, 4}}},
          {prefix + "in_proj_bias", {.shape = {12}}},
          {prefix + "out_proj.weight", {.shape = {4, 4}}},
          {prefix + "out_proj.bias", {.shape = {4}}}};
}

// embed_dim 4, kdim 3, vdim 5.
TestTensors Separate(const std::string& prefix) {
  return {{prefix + "q_proj_weight", {.shape = {4, 4}}},
          {prefix + "k_proj_weight", {.shape = {4, 3}}},
          {prefix + "v_proj_weight", {.shape = {4, 5}}},
          {prefix + "in_proj_bias", {.shape = {12}}},
          {prefix + "out_proj.weight", {.shape = {4, 4}}},
          {prefix + "out_proj.bias", {.shape = {4}}}};
}

absl::StatusOr<std::vector<std::shared_ptr<const Model>>> Load(
    const TestTensors& tensors, const Metadata& metadata = {{"num_heads", "2"}},
    const std::string& config = "", DType compute_dtype = DType::kF32) {
  const ModelDirectory directory;
  directory.WriteTensors("mha.safetensors", tensors, metadata);
  if (!config.empty()) directory.Write("config.json", config);
  const Checkpoint checkpoint =
      Checkpoint::Open(directory.PathOf("mha.safetensors")).value();
  EXPECT_TRUE(HasTorchMha(checkpoint));
  return LoadTorchMha("m", checkpoint, directory.PathOf("config.json"),
                      compute_dtype);
}

std::string LoadError(const TestTensors& tensors,
                      const Metadata& metadata = {{"num_heads", "2"}},
                      const std::string& config = "",
                      DType compute_dtype = DType::kF32) {
  const absl::Status status =
      Load(tensors, metadata, config, compute_dtype).status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

// Test tensors count up, so the first element says where a view begins.
float First(const TensorView& view) {
  float value;
  std::memcpy(&value, view.data, sizeof(value));
  return value;
}

TEST(TorchMhaTest, APackedProjectionIsThreeViewsIntoOneTensor) {
  for (const char* prefix : {"", "state.", "encoder.self_attn."}) {
    const auto models = Load(Packed(prefix));

    ASSERT_TRUE(models.ok()) << models.status();
    ASSERT_EQ(models->size(), 1u);
    EXPECT_EQ((*models)[0]->name(), "m");
    const ProjectionWeights& weights = (*models)[0]->weights();
    EXPECT_EQ(weights.k_proj.weight.shape, Shape({4, 4}));
    EXPECT_EQ(First(weights.q_proj.weight), 0);
    EXPECT_EQ(First(weights.k_proj.weight), 16);
    EXPECT_EQ(First(weights.v_proj.weight), 32);
    EXPECT_EQ(weights.v_proj.weight.data - weights.q_proj.weight.data,
              32 * static_cast<std::ptrdiff_t>(sizeof(float)));
    EXPECT_EQ(weights.v_proj.bias.shape, Shape({4}));
    EXPECT_EQ(First(weights.q_proj.bias), 0);
    EXPECT_EQ(First(weights.k_proj.bias), 4);
    EXPECT_EQ(First(weights.v_proj.bias), 8);
    EXPECT_NE(weights.out_proj.bias.data, nullptr);
  }
}

TEST(TorchMhaTest, SeparateProjectionsHaveWidthsOfTheirOwn) {
  const auto models = Load(Separate("state."));

  ASSERT_TRUE(models.ok()) << models.status();
  const Model& model = *(*models)[0];
  EXPECT_EQ(model.embed_dim(), 4);
  EXPECT_EQ(model.kdim(), 3);
  EXPECT_EQ(model.vdim(), 5);
  EXPECT_EQ(
      model.spec(),
      (AttentionSpec{
          .num_heads = 2, .num_kv_heads = 2, .head_dim = 2, .v_head_dim = 2}));
  EXPECT_EQ(First(model.weights().v_proj.bias), 8);
}

TEST(TorchMhaTest, BiasesMayBeAbsent) {
  for (TestTensors tensors : {Packed(""), Separate("")}) {
    tensors.erase("in_proj_bias");
    tensors.erase("out_proj.bias");
    const auto models = Load(tensors);
    ASSERT_TRUE(models.ok()) << models.status();
    EXPECT_EQ((*models)[0]->weights().q_proj.bias.data, nullptr);
    EXPECT_EQ((*models)[0]->weights().out_proj.bias.data, nullptr);
  }
}

TEST(TorchMhaTest, SeveralLayersAreNumberedInNaturalOrder) {
  TestTensors tensors = Packed("layers.10.self_attn.");
  tensors.merge(Separate("layers.9.self_attn."));

  const auto models = Load(tensors);

  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2u);
  EXPECT_EQ((*models)[0]->name(), "m/0");
  EXPECT_EQ((*models)[0]->kdim(), 3);
  EXPECT_EQ((*models)[1]->name(), "m/1");
  EXPECT_EQ((*models)[1]->kdim(), 4);
}

TEST(TorchMhaTest, HeadsComeFromMetadataOrElseFromTheConfig) {
  EXPECT_EQ(Load(Packed(""), {{"num_heads", "4"}}, R"({"num_heads":2})")
                ->front()
                ->spec()
                .num_heads,
            4);
  EXPECT_EQ(
      Load(Packed(""), {}, R"({"num_heads":2})")->front()->spec().num_heads, 2);
}

TEST(TorchMhaTest, HeadsMustBeSaidAndFit) {
  EXPECT_THAT(LoadError(Packed(""), {}),
              AllOf(HasSubstr("mha.safetensors: has no num_heads in its "
                              "metadata"),
                    HasSubstr("config.json")));
  EXPECT_THAT(LoadError(Packed(""), {}, "{"), HasSubstr("is not valid UTF-8"));
  EXPECT_THAT(LoadError(Packed(""), {}, "{}"),
              HasSubstr("config.json: has no num_heads"));
  for (const char* heads : {"", "0", "-2", "two", "2.0"}) {
    EXPECT_THAT(LoadError(Packed(""), {{"num_heads", heads}}),
                HasSubstr("must be a positive integer"))
        << heads;
  }
  EXPECT_THAT(LoadError(Packed("a."), {{"num_heads", "3"}}),
              HasSubstr("embed_dim of \"a.out_proj.weight\" is 4, must be a "
                        "multiple of num_heads 3"));
}

TEST(TorchMhaTest, EveryMissingTensorIsNamed) {
  for (const char* name :
       {"q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"}) {
    TestTensors tensors = Separate("state.");
    tensors.erase(std::string("state.") + name);
    EXPECT_THAT(LoadError(tensors),
                HasSubstr(std::string("mha.safetensors: has no tensor \"") +
                          "state." + name + "\""));
  }
  for (const char* name : {"in_proj_bias", "out_proj.bias"}) {
    TestTensors tensors = Packed("");
    tensors.erase(name);
    EXPECT_THAT(LoadError(tensors), HasSubstr("must have both or none"));
  }
}

TEST(TorchMhaTest, WrongShapesAndDTypesAreNamed) {
  const auto with = [](TestTensors tensors, const char* name,
                       TestTensor tensor) {
    tensors[name] = std::move(tensor);
    return LoadError(tensors);
  };
  EXPECT_THAT(with(Packed(""), "in_proj_weight", {.shape = {8, 4}}),
              HasSubstr("\"in_proj_weight\" is [8, 4], must be [12, 4]"));
  EXPECT_THAT(with(Packed(""), "in_proj_weight", {.shape = {48}}),
              HasSubstr("\"in_proj_weight\" is [48], must be [any, any]"));
  EXPECT_THAT(with(Packed(""), "in_proj_weight", {DType::kF64, {12, 4}}),
              HasSubstr("\"in_proj_weight\" is F64, must be F32"));
  EXPECT_THAT(with(Packed(""), "in_proj_bias", {.shape = {4}}),
              HasSubstr("\"in_proj_bias\" is [4], must be [12]"));
  EXPECT_THAT(with(Packed(""), "out_proj.weight", {.shape = {4, 5}}),
              HasSubstr("\"out_proj.weight\" is [4, 5], must be [4, 4]"));
  EXPECT_THAT(with(Packed(""), "out_proj.bias", {.shape = {3}}),
              HasSubstr("\"out_proj.bias\" is [3], must be [4]"));
  EXPECT_THAT(with(Separate(""), "q_proj_weight", {.shape = {3, 4}}),
              HasSubstr("\"q_proj_weight\" is [3, 4], must be [4, 4]"));
  EXPECT_THAT(with(Separate(""), "k_proj_weight", {.shape = {3, 4}}),
              HasSubstr("\"k_proj_weight\" is [3, 4], must be [4, any]"));
  EXPECT_THAT(with(Separate(""), "v_proj_weight", {.shape = {4, 0}}),
              HasSubstr("\"v_proj_weight\" is [4, 0], must be [4, any]"));
}

TEST(TorchMhaTest, BothLayoutsAtOnceAreRefused) {
  TestTensors tensors = Packed("");
  tensors["k_proj_weight"] = {.shape = {4, 4}};
  EXPECT_THAT(LoadError(tensors),
              HasSubstr("has both \"in_proj_weight\" and \"k_proj_weight\""));
}

TEST(TorchMhaTest, ABiasOnKeysAndValuesIsRefused) {
  TestTensors tensors = Packed("a.");
  tensors["a.bias_k"] = {.shape = {1, 1, 4}};
  EXPECT_THAT(LoadError(tensors),
              HasSubstr("\"a.bias_k\" (add_bias_kv) is not supported"));
}

TEST(TorchMhaTest, OtherNamesAreNoLayers) {
  for (const char* name :
       {"q_proj.weight", "my_in_proj_weight", "query", "in_proj_weight.x"}) {
    const std::string file =
        SerializeTestTensors({{name, {.shape = {4, 4}}}}, {});
    const auto checkpoint = Checkpoint::Parse(
        "file", std::as_bytes(std::span(file.data(), file.size())));
    EXPECT_FALSE(HasTorchMha(*checkpoint)) << name;
  }
}

TEST(TorchMhaTest, EveryLayerComputesInTheTypeThatIsAskedFor) {
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  TestTensors tensors = Packed("a.");
  tensors.merge(Separate("b."));
  const auto models = Load(tensors, {{"num_heads", "2"}}, "", DType::kBF16);
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2u);
  for (const auto& model : *models) {
    EXPECT_EQ(model->spec().compute_dtype, DType::kBF16) << model->name();
    EXPECT_EQ(model->dtype(), DType::kF32);
  }
}

TEST(TorchMhaTest, AComputeTypeThatTheLayerCannotHaveIsRefused) {
  EXPECT_THAT(LoadError(Packed("a."), {{"num_heads", "2"}}, "", DType::kF16),
              AllOf(HasSubstr("mha.safetensors: layer \"a.\": "),
                    HasSubstr("compute_dtype is f16, must be f32 or bf16")));
  EXPECT_THAT(LoadError(Packed("a."), {{"num_heads", "4"}}, "", DType::kBF16),
              AllOf(HasSubstr("mha.safetensors: layer \"a.\": "),
                    HasSubstr("head_dim is 1, must be even")));
}

}  // namespace
}  // namespace attention
