// Proves that weights are accepted only when every shape and dtype fits the
// spec and the others, and that the tensor that does not fit is named.
#include "core/attention/projection_weights.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr AttentionSpec kSpec{
    .num_heads = 4, .num_kv_heads = 2, .head_dim = 3, .v_head_dim = 5};

// Validate looks at shapes only, so one block stands for every tensor.
TensorView Tensor(Shape shape, DType dtype = DType::kF16) {
  static const std::vector<std::byte> block(1024);
  return {dtype, std::move(shape), block.data()};
}

// embed_dim 6, kdim 7, vdim 8, biases everywhere.
ProjectionWeights MakeWeights() {
  return {.q_proj = {.weight = Tensor({12, 6}), .bias = Tensor({12})},
          .k_proj = {.weight = Tensor({6, 7}), .bias = Tensor({6})},
          .v_proj = {.weight = Tensor({10, 8}), .bias = Tensor({10})},
          .out_proj = {.weight = Tensor({6, 20}), .bias = Tensor({6})}};
}

std::string Error(const ProjectionWeights& weights,
                  const AttentionSpec& spec = kSpec) {
  const absl::Status status = weights.Validate(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ProjectionWeightsTest, WeightsThatFitAreAccepted) {
  ProjectionWeights weights = MakeWeights();
  EXPECT_TRUE(weights.Validate(kSpec).ok()) << weights.Validate(kSpec);
  EXPECT_EQ(weights.embed_dim(), 6);
  EXPECT_EQ(weights.kdim(), 7);
  EXPECT_EQ(weights.vdim(), 8);
  weights.q_proj.bias = {};
  weights.out_proj.bias = {};
  EXPECT_TRUE(weights.Validate(kSpec).ok());
}

TEST(ProjectionWeightsTest, ABiasMayBeStoredWider) {
  ProjectionWeights weights = MakeWeights();
  weights.q_proj.bias.dtype = DType::kF32;
  EXPECT_TRUE(weights.Validate(kSpec).ok());
}

TEST(ProjectionWeightsTest, CountsTheBytesOfWhatIsThere) {
  ProjectionWeights weights = MakeWeights();
  // Two bytes for each of 12 x 6 + 12, 6 x 7 + 6, 10 x 8 + 10, 6 x 20 + 6.
  EXPECT_EQ(weights.ParameterBytes(), 2 * (84 + 48 + 90 + 126));
  weights.out_proj.bias = {};
  EXPECT_EQ(weights.ParameterBytes(), 2 * (84 + 48 + 90 + 120));
}

TEST(ProjectionWeightsTest, EveryMissingWeightIsNamed) {
  EXPECT_THAT(Error({}), HasSubstr("q_proj.weight"));
  ProjectionWeights weights = MakeWeights();
  weights.k_proj.weight = {};
  EXPECT_THAT(Error(weights), HasSubstr("k_proj.weight"));
  weights = MakeWeights();
  weights.out_proj.weight.data = nullptr;
  EXPECT_THAT(Error(weights), HasSubstr("out_proj.weight"));
}

TEST(ProjectionWeightsTest, EveryWrongShapeIsNamed) {
  for (const Shape& shape :
       {Shape(), Shape({12}), Shape({11, 6}), Shape({9, 6}), Shape({12, 0}),
        Shape({12, 6, 1}), Shape({0, 6})}) {
    ProjectionWeights weights = MakeWeights();
    weights.q_proj.weight.shape = shape;
    EXPECT_THAT(Error(weights),
                HasSubstr("q_proj.weight is " + shape.ToString() +
                          ", must be [4 * 3, inputs]"));
  }
  ProjectionWeights weights = MakeWeights();
  weights.v_proj.weight.shape = Shape({6, 8});
  EXPECT_THAT(Error(weights), HasSubstr("v_proj.weight is [6, 8], must be "
                                        "[2 * 5, inputs]"));
  weights = MakeWeights();
  weights.out_proj.weight.shape = Shape({20, 6});
  EXPECT_THAT(Error(weights),
              HasSubstr("out_proj.weight is [20, 6], must be [6, 20]"));
  weights = MakeWeights();
  weights.k_proj.bias.shape = Shape({7});
  EXPECT_THAT(Error(weights), HasSubstr("k_proj.bias is [7], must be [6]"));
}

TEST(ProjectionWeightsTest, EveryWrongDTypeIsNamed) {
  ProjectionWeights weights = MakeWeights();
  weights.q_proj.weight.dtype = DType::kI8;
  EXPECT_THAT(Error(weights), HasSubstr("q_proj.weight is I8, must be F32"));
  weights = MakeWeights();
  weights.out_proj.bias.dtype = DType::kF64;
  EXPECT_THAT(Error(weights), HasSubstr("out_proj.bias is F64, must be F32"));
  weights = MakeWeights();
  weights.v_proj.weight.dtype = DType::kBF16;
  EXPECT_THAT(Error(weights), HasSubstr("v_proj.weight is BF16, must be F16"));
}

TEST(ProjectionWeightsTest, ASpecThatIsWrongOrHugeIsRefused) {
  AttentionSpec spec = kSpec;
  spec.head_dim = 0;
  EXPECT_THAT(Error(MakeWeights(), spec), HasSubstr("head_dim is 0"));
  spec = kSpec;
  // num_heads * head_dim does not fit 64 bits.
  spec.num_heads = std::numeric_limits<std::int64_t>::max() / 2;
  spec.num_kv_heads = 1;
  EXPECT_THAT(Error(MakeWeights(), spec),
              HasSubstr("num_heads is 4611686018427387903"));
  spec.num_heads = kMaxHeads;
  EXPECT_THAT(Error(MakeWeights(), spec), HasSubstr("q_proj.weight"));
}

}  // namespace
}  // namespace attention
