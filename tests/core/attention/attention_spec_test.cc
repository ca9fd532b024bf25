// Proves that numbers of heads which make no layer are refused by name.
#include "core/attention/attention_spec.h"

#include <string>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr AttentionSpec kSpec{
    .num_heads = 6, .num_kv_heads = 3, .head_dim = 64, .v_head_dim = 32};

std::string Error(const AttentionSpec& spec) {
  const absl::Status status = spec.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(AttentionSpecTest, AcceptsGroupedHeadsAndTheMostAndWidest) {
  EXPECT_TRUE(kSpec.Validate().ok());
  EXPECT_TRUE(AttentionSpec{}.Validate().ok());
  AttentionSpec widest = kSpec;
  widest.head_dim = widest.v_head_dim = kMaxHeadDim;
  EXPECT_TRUE(widest.Validate().ok());
  AttentionSpec most = kSpec;
  most.num_heads = most.num_kv_heads = kMaxHeads;
  EXPECT_TRUE(most.Validate().ok());
}

TEST(AttentionSpecTest, RefusesEachNumberOutOfItsRange) {
  AttentionSpec spec = kSpec;
  spec.num_heads = 0;
  EXPECT_EQ(Error(spec), "num_heads is 0, must be from 1 to 4096");
  spec.num_heads = kMaxHeads + 1;
  EXPECT_EQ(Error(spec), "num_heads is 4097, must be from 1 to 4096");
  spec = kSpec;
  spec.num_kv_heads = -3;
  EXPECT_EQ(Error(spec), "num_kv_heads is -3, must be from 1 to 4096");
  spec = kSpec;
  spec.head_dim = 0;
  EXPECT_EQ(Error(spec), "head_dim is 0, must be from 1 to 1024");
  spec = kSpec;
  spec.v_head_dim = kMaxHeadDim + 1;
  EXPECT_EQ(Error(spec), "v_head_dim is 1025, must be from 1 to 1024");
}

TEST(AttentionSpecTest, RefusesHeadsThatDoNotShareEvenly) {
  AttentionSpec spec = kSpec;
  spec.num_kv_heads = 4;
  EXPECT_THAT(Error(spec), HasSubstr("num_heads is 6, must be a multiple of "
                                     "num_kv_heads 4"));
  spec.num_kv_heads = 12;
  EXPECT_THAT(Error(spec), HasSubstr("num_kv_heads 12"));
}

TEST(AttentionSpecTest, Bf16NeedsItsCpuAndEvenHeads) {
  AttentionSpec spec = kSpec;
  spec.compute_dtype = DType::kF16;
  EXPECT_EQ(Error(spec), "compute_dtype is f16, must be f32 or bf16");
  spec.compute_dtype = DType::kBF16;
  spec.head_dim = 63;
  EXPECT_EQ(
      Error(spec),
      "head_dim is 63, must be even for compute_dtype bf16; f32 takes any");
  spec.head_dim = 64;
  if (HasBf16Products()) {
    EXPECT_TRUE(spec.Validate().ok());
  } else {
    EXPECT_EQ(spec.Validate().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(spec.Validate().message(), HasSubstr("needs AVX512_BF16"));
  }
}

TEST(AttentionSpecTest, TheDefaultScaleIsOneOverTheRootOfTheHeadWidth) {
  EXPECT_EQ(kSpec.DefaultScale(), 0.125);
  EXPECT_EQ(AttentionSpec{}.DefaultScale(), 1.0);
}

}  // namespace
}  // namespace attention
