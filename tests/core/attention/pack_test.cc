// Packing moves every element to its place, touches nothing else, and works at
// every size and on every vector target.
#include "core/attention/pack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "tests/support/vector_target_test.h"

namespace attention {
namespace {

constexpr float kUntouched = -1.0F;

class PackTest : public VectorTargetTest {
 protected:
  // 0, 1, 2, ... in rows of `stride`.
  static std::vector<float> Counting(std::int64_t rows, std::int64_t stride) {
    std::vector<float> values(static_cast<std::size_t>(rows * stride));
    std::iota(values.begin(), values.end(), 0.0F);
    return values;
  }
};

TEST_P(PackTest, TransposeScaledTurnsRowsIntoColumnsTimesAFactor) {
  for (std::int64_t rows = 1; rows <= 9; ++rows) {
    for (std::int64_t columns = 1; columns <= 9; ++columns) {
      const std::vector<float> from = Counting(rows, 11);
      std::vector<float> to(static_cast<std::size_t>(columns * 16), kUntouched);
      TransposeScaled({from.data(), 11}, rows, columns, 2.0,
                      {to.data() + 2, 16});
      for (std::int64_t c = 0; c < columns; ++c) {
        for (std::int64_t i = 0; i < 16; ++i) {
          const std::int64_t r = i - 2;
          const float expected = r >= 0 && r < rows
                                     ? static_cast<float>(2 * (r * 11 + c))
                                     : kUntouched;
          ASSERT_EQ(to[static_cast<std::size_t>(c * 16 + i)], expected);
        }
      }
    }
  }
}

TEST_P(PackTest, ScatterRowsAddsTheResidualBeforeRounding) {
  // 1 + 2^-9 is no bf16, nor is 2^-9 added to 1 after rounding; 1 + 2^-7 is.
  const std::vector<float> from = {1.0F + 0x1p-9F, 1.0F + 0x1p-9F};
  const std::vector<float> queries = {9, 9, 0x1p-7F - 0x1p-9F, 0.0F};
  std::vector<std::uint16_t> to(4, 0x7777);
  const RowsView residual{
      .data = reinterpret_cast<const std::byte*>(queries.data()),
      .row_stride = 2};
  ScatterRows({from.data(), 2}, nullptr, 1, 2, &residual, Stores::kCached,
              {reinterpret_cast<std::byte*>(to.data()), DType::kBF16, 2}, 1, 0);
  EXPECT_EQ(to, (std::vector<std::uint16_t>{0x7777, 0x7777, 0x3F81, 0x3F80}));
}

TEST_P(PackTest, ScatterRowsWritesOnlyItsColumns) {
  const std::vector<float> from = Counting(2, 3);
  std::vector<float> to(10, kUntouched);
  ScatterRows({from.data(), 3}, nullptr, 2, 3, nullptr, Stores::kCached,
              {reinterpret_cast<std::byte*>(to.data()), DType::kF32, 5}, 0, 1);
  EXPECT_EQ(to, (std::vector<float>{-1, 0, 1, 2, -1, -1, 3, 4, 5, -1}));
}

TEST_P(PackTest, ScatterRowsMultipliesEachRowByItsFactor) {
  const std::vector<float> from = Counting(2, 40);
  const std::vector<float> factors = {2.0F, -1.0F};
  for (const Stores stores : {Stores::kCached, Stores::kStreaming}) {
    std::vector<float> to(80, kUntouched);
    ScatterRows({from.data(), 40}, factors.data(), 2, 40, nullptr, stores,
                {reinterpret_cast<std::byte*>(to.data()), DType::kF32, 40}, 0,
                0);
    for (std::size_t i = 0; i < 80; ++i) {
      ASSERT_EQ(to[i], factors[i / 40] * static_cast<float>(i)) << i;
    }
  }
}

TEST_P(PackTest, ScatterRowsAddsTheResidualAfterTheFactor) {
  const std::vector<float> from = {1.0F, 2.0F};
  const float factor = 0.5F;
  const std::vector<float> queries = {10.0F, 20.0F};
  const RowsView residual{
      .data = reinterpret_cast<const std::byte*>(queries.data()),
      .row_stride = 2};
  std::vector<std::uint16_t> to(2);
  ScatterRows({from.data(), 2}, &factor, 1, 2, &residual, Stores::kCached,
              {reinterpret_cast<std::byte*>(to.data()), DType::kBF16, 2}, 0, 0);
  // 10.5 and 21 as bf16.
  EXPECT_EQ(to, (std::vector<std::uint16_t>{0x4128, 0x41A8}));
}

TEST_P(PackTest, GatherRowsReadsUnalignedHalves) {
  // 1, 2, 3, 4 as f16, one byte off.
  const std::uint8_t bytes[] = {0,    0x00, 0x3C, 0x00, 0x40,
                                0x00, 0x42, 0x00, 0x44};
  std::vector<float> to(2, kUntouched);
  GatherRows({.data = reinterpret_cast<const std::byte*>(bytes) + 1,
              .dtype = DType::kF16,
              .row_stride = 2},
             1, 0, 1, 2, DType::kF32, reinterpret_cast<std::byte*>(to.data()));
  EXPECT_EQ(to, (std::vector<float>{3, 4}));
}

TEST_P(PackTest, GatherRowsRoundsToBf16WhatIsNot) {
  // 1.01171875 lies in the middle of 0x3F81 and 0x3F82.
  const std::vector<float> f32 = {9, 9, 9, 1.01171875F, -2.5F, 9};
  std::vector<std::uint16_t> to(2);
  GatherRows({.data = reinterpret_cast<const std::byte*>(f32.data()),
              .dtype = DType::kF32,
              .row_stride = 3},
             1, 0, 1, 2, DType::kBF16, reinterpret_cast<std::byte*>(to.data()));
  EXPECT_EQ(to, (std::vector<std::uint16_t>{0x3F82, 0xC020}));
  const std::vector<std::uint16_t> bf16 = {1, 2, 3, 4};
  GatherRows({.data = reinterpret_cast<const std::byte*>(bf16.data()),
              .dtype = DType::kBF16,
              .row_stride = 2},
             1, 0, 1, 2, DType::kBF16, reinterpret_cast<std::byte*>(to.data()));
  EXPECT_EQ(to, (std::vector<std::uint16_t>{3, 4}));
}

TEST_P(PackTest, GatherRowsReadsOnlyItsColumns) {
  const std::vector<float> from = Counting(3, 5);
  std::vector<float> to(5, kUntouched);
  GatherRows({.data = reinterpret_cast<const std::byte*>(from.data()),
              .row_stride = 5},
             1, 2, 2, 2, DType::kF32, reinterpret_cast<std::byte*>(to.data()));
  EXPECT_EQ(to, (std::vector<float>{7, 8, 12, 13, kUntouched}));
}

// Rows of 600 elements, wider than what is converted at once, the first after
// three bytes of something else; pieces of 1,000 bytes end inside of elements.
TEST_P(PackTest, GatherRowsJoinsPieces) {
  std::vector<std::uint16_t> halves(3 * 600);
  std::iota(halves.begin(), halves.end(), std::uint16_t{0x3C00});
  std::vector<std::byte> message(3 + 2 * halves.size());
  std::memcpy(message.data() + 3, halves.data(), 2 * halves.size());
  std::vector<std::span<const std::byte>> pieces;
  for (std::size_t at = 0; at < message.size(); at += 1000) {
    pieces.push_back(std::span(message).subspan(
        at, std::min<std::size_t>(1000, message.size() - at)));
  }
  const Fragments fragments(pieces);
  RowsView rows{.dtype = DType::kF16,
                .row_stride = 600,
                .fragments = &fragments,
                .first_byte = 3};

  // From 1 on every f16 is 2^-10 more, from 2 on 2^-9.
  std::vector<float> to(2 * 590, kUntouched);
  GatherRows(rows, 1, 10, 2, 590, DType::kF32,
             reinterpret_cast<std::byte*>(to.data()));
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t element = (1 + i / 590) * 600 + 10 + i % 590;
    const auto steps = static_cast<float>(element);
    const float expected =
        steps < 1024 ? 1 + steps * 0x1p-10F : 2 + (steps - 1024) * 0x1p-9F;
    ASSERT_EQ(to[i], expected) << i;
  }

  // The same bits as bf16 are only moved.
  rows.dtype = DType::kBF16;
  std::vector<std::uint16_t> moved(2 * 590);
  GatherRows(rows, 1, 10, 2, 590, DType::kBF16,
             reinterpret_cast<std::byte*>(moved.data()));
  for (std::size_t i = 0; i < moved.size(); ++i) {
    ASSERT_EQ(moved[i], halves[(1 + i / 590) * 600 + 10 + i % 590]) << i;
  }
}

TEST_P(PackTest, ScatterRowsAddsAResidualInPieces) {
  const std::vector<float> from = {1, 2, 3, 4};
  // Rows of three after one float that is not theirs.
  const std::vector<float> queries = {9, 9, 9, 9, 9, 10, 20, 9, 30, 40};
  const auto bytes = std::as_bytes(std::span(queries));
  // The second piece begins inside of the 20.
  const Fragments fragments({bytes.first(27), bytes.subspan(27)});
  const RowsView residual{
      .row_stride = 3, .fragments = &fragments, .first_byte = 4};
  std::vector<float> to(9, kUntouched);
  ScatterRows({from.data(), 2}, nullptr, 2, 2, &residual, Stores::kCached,
              {reinterpret_cast<std::byte*>(to.data()), DType::kF32, 3}, 1, 1);
  EXPECT_EQ(to, (std::vector<float>{-1, -1, -1, -1, 11, 22, -1, 33, 44}));
}

TEST_P(PackTest, InOnePieceFindsWhatLiesTogether) {
  const std::vector<std::byte> bytes(40);
  const Fragments fragments(
      {std::span(bytes).first(18), std::span(bytes).subspan(18)});
  // Rows of two elements at bytes 2, 10, 18 and 26.
  const RowsView rows{
      .row_stride = 2, .fragments = &fragments, .first_byte = 2};
  EXPECT_EQ(InOnePiece(rows, 0, 0, 4), bytes.data() + 2);
  EXPECT_EQ(InOnePiece(rows, 1, 1, 1), bytes.data() + 14);
  EXPECT_EQ(InOnePiece(rows, 1, 1, 2), nullptr);
  EXPECT_EQ(InOnePiece(rows, 2, 0, 4), bytes.data() + 18);
  EXPECT_EQ(InOnePiece({.data = bytes.data(), .row_stride = 2}, 3, 1, 2),
            bytes.data() + 28);
}

// Any bits: lanes of two bf16 may look like a signalling NaN.
TEST_P(PackTest, TransposeMovesEveryBit) {
  constexpr std::int64_t kRows = 7;
  constexpr std::int64_t kColumns = 9;
  std::vector<std::uint32_t> from(kRows * kColumns);
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = 0x7F800001u + static_cast<std::uint32_t>(i);
  }
  std::vector<std::uint32_t> to(kColumns * kRows);
  Transpose({reinterpret_cast<const float*>(from.data()), kColumns}, kRows,
            kColumns, {reinterpret_cast<float*>(to.data()), kRows});
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(to[i % kColumns * kRows + i / kColumns], from[i]) << i;
  }
}

ATTENTION_ON_EVERY_VECTOR_TARGET(PackTest);

}  // namespace
}  // namespace attention
