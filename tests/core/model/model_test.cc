// Proves that a model tells what it was made of, and that weights which do not
// fit the spec make none.
#include "core/model/model.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr AttentionSpec kSpec{
    .num_heads = 2, .num_kv_heads = 1, .head_dim = 3, .v_head_dim = 5};

// embed_dim 4, kdim 7, vdim 8.
ProjectionWeights MakeWeights() {
  const auto storage = std::make_shared<std::vector<float>>(64);
  const auto tensor = [&storage](Shape shape) {
    return TensorView{DType::kF32, std::move(shape),
                      reinterpret_cast<const std::byte*>(storage->data())};
  };
  return {.q_proj = {.weight = tensor({6, 4}), .bias = tensor({6})},
          .k_proj = {.weight = tensor({3, 7}), .bias = {}},
          .v_proj = {.weight = tensor({5, 8}), .bias = {}},
          .out_proj = {.weight = tensor({4, 10}), .bias = {}},
          .storage = storage};
}

TEST(ModelTest, TellsNameWidthsAndDType) {
  const auto model = Model::Create("m/3", kSpec, MakeWeights());

  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->name(), "m/3");
  EXPECT_EQ((*model)->spec(), kSpec);
  EXPECT_EQ((*model)->embed_dim(), 4);
  EXPECT_EQ((*model)->kdim(), 7);
  EXPECT_EQ((*model)->vdim(), 8);
  EXPECT_EQ((*model)->dtype(), DType::kF32);
  EXPECT_EQ((*model)->layer().spec(), kSpec);
}

TEST(ModelTest, WeightsThatDoNotFitMakeNoModel) {
  ProjectionWeights weights = MakeWeights();
  weights.k_proj.weight.shape = Shape({6, 7});
  const absl::Status status =
      Model::Create("m", kSpec, std::move(weights)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("k_proj.weight"));
}

}  // namespace
}  // namespace attention
