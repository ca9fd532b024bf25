// What one row of a mask does to scores, by hand.
#include "core/attention/attn_mask.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace attention {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();

template <typename T>
const std::byte* Bytes(const T* values) {
  return reinterpret_cast<const std::byte*>(values);
}

TEST(KeyLimitTest, CausalLimitsAreAlignedAtTheTopLeft) {
  Sequence sequence;
  sequence.q_len = 5;
  sequence.kv_len = 3;
  EXPECT_EQ(KeyLimit(sequence, 0), 3);
  sequence.is_causal = true;
  EXPECT_EQ(KeyLimit(sequence, 0), 1);
  EXPECT_EQ(KeyLimit(sequence, 2), 3);
  EXPECT_EQ(KeyLimit(sequence, 4), 3);
}

TEST(ApplyMaskRowTest, FalseExcludesAndAnyOtherByteTakesPart) {
  const std::uint8_t mask[] = {1, 0, 255, 0};
  std::vector<float> scores = {1, 2, 3, std::nanf("")};
  ApplyMaskRow({.data = Bytes(mask), .k_stride = 1}, 0, 0, 0, 4, scores.data());
  EXPECT_EQ(scores, (std::vector<float>{1, -kInf, 3, -kInf}));
}

TEST(ApplyMaskRowTest, StridesFindTheRowOfTheHead) {
  // [heads 2, rows 2, keys 3]; head 1, row 1, from key 1 on.
  const std::uint8_t mask[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1};
  std::vector<float> scores = {1, 2};
  ApplyMaskRow(
      {.data = Bytes(mask), .head_stride = 6, .q_stride = 3, .k_stride = 1}, 1,
      1, 1, 2, scores.data());
  EXPECT_EQ(scores, (std::vector<float>{-kInf, 2}));
}

TEST(ApplyMaskRowTest, AStrideOfZeroBroadcastsOverKeys) {
  const float mask[] = {0.5F};
  std::vector<float> scores = {1, 2};
  ApplyMaskRow({.data = Bytes(mask), .dtype = DType::kF32}, 3, 4, 5, 2,
               scores.data());
  const float added = 0.5F * std::numbers::log2e_v<float>;
  EXPECT_EQ(scores, (std::vector<float>{1 + added, 2 + added}));
}

TEST(ApplyMaskRowTest, FiniteStaysFiniteAndInfinityExcludes) {
  const float mask[] = {kLowest, -kInf, kInf, -kLowest};
  std::vector<float> scores(4, 0.0F);
  ApplyMaskRow({.data = Bytes(mask), .dtype = DType::kF32, .k_stride = 1}, 0, 0,
               0, 4, scores.data());
  EXPECT_EQ(scores, (std::vector<float>{kLowest, -kInf, kInf, -kLowest}));
}

TEST(ApplyMaskRowTest, LongRowsOfHalvesAreAddedWhole) {
  // 1 in f16, more of them than one piece holds.
  const std::vector<std::uint16_t> mask(700, 0x3C00);
  std::vector<float> scores(700, 0.0F);
  ApplyMaskRow(
      {.data = Bytes(mask.data()), .dtype = DType::kF16, .k_stride = 1}, 0, 0,
      0, 700, scores.data());
  EXPECT_EQ(scores, std::vector<float>(700, std::numbers::log2e_v<float>));
}

}  // namespace
}  // namespace attention
