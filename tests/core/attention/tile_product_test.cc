// Products of tiles against double arithmetic, at every vector length that this
// CPU has, and what batch invariance rests on: a row has the same bits wherever
// it stands.
#include "core/attention/tile_product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/tensor/convert_dtype.h"
#include "tests/support/bf16_target_test.h"
#include "tests/support/vector_target_test.h"

namespace attention {
namespace {

constexpr float kUntouched = 7.0F;

std::vector<float> Random(std::int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

class TileProductTest : public VectorTargetTest {
 protected:
  void ExpectProduct(const TileShape& shape, bool accumulate) {
    const auto [rows, columns, depth] = shape;
    const std::int64_t written =
        (columns + kColumnMultiple - 1) / kColumnMultiple * kColumnMultiple;
    const std::int64_t a_stride = depth + 1;
    const std::int64_t b_stride = columns + 3;
    const std::int64_t c_stride = written + 5;
    const auto a = Random(rows * a_stride - 1, random_);
    const auto b = Random(depth * b_stride - 3, random_);
    std::vector<float> c(static_cast<std::size_t>(rows * c_stride), kUntouched);
    ReadAhead ahead;
    MultiplyTile(DType::kF32, shape, {a.data(), a_stride}, {b.data(), b_stride},
                 accumulate, {c.data(), c_stride}, ahead);
    for (std::int64_t i = 0; i < rows * c_stride; ++i) {
      const std::int64_t row = i / c_stride;
      const std::int64_t column = i % c_stride;
      if (column >= columns && column < written) continue;
      double expected = accumulate || column >= columns ? kUntouched : 0;
      for (std::int64_t k = 0; column < columns && k < depth; ++k) {
        expected += static_cast<double>(
                        a[static_cast<std::size_t>(row * a_stride + k)]) *
                    b[static_cast<std::size_t>(k * b_stride + column)];
      }
      // Rounding of `depth` sums of products below 1, and of adding 7.
      ASSERT_NEAR(c[static_cast<std::size_t>(i)], expected,
                  6e-8 * static_cast<double>(depth + 8))
          << "row " << row << ", column " << column;
    }
  }

  std::mt19937 random_{11};
};

ATTENTION_ON_EVERY_VECTOR_TARGET(TileProductTest);

// Rows lie apart, so that what is written beside them shows; what is read
// beside them is for the address sanitizer to see.
TEST_P(TileProductTest, MultipliesEverySmallShape) {
  for (std::int64_t rows = 1; rows <= 14; ++rows) {
    for (const std::int64_t columns : {1, 8, 16, 23, 48, 64, 80, 100, 144}) {
      for (const std::int64_t depth : {1, 3, 4, 33}) {
        for (const bool accumulate : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << rows << "x" << columns << "x" << depth
                       << " accumulate " << accumulate);
          ASSERT_NO_FATAL_FAILURE(
              ExpectProduct({rows, columns, depth}, accumulate));
        }
      }
    }
  }
}

TEST_P(TileProductTest, ARowHasTheSameBitsInEveryTile) {
  constexpr std::int64_t kDepth = 100;
  constexpr std::int64_t kColumns = 80;
  const auto row = Random(kDepth, random_);
  const auto b = Random(kDepth * kColumns, random_);
  std::vector<float> expected(kColumns);
  ReadAhead ahead;
  MultiplyTile(DType::kF32, {1, kColumns, kDepth}, {row.data(), kDepth},
               {b.data(), kColumns}, false, {expected.data(), kColumns}, ahead);
  for (std::int64_t rows = 2; rows <= 20; ++rows) {
    // A stride of 0 repeats the row.
    std::vector<float> c(static_cast<std::size_t>(rows * kColumns));
    MultiplyTile(DType::kF32, {rows, kColumns, kDepth}, {row.data(), 0},
                 {b.data(), kColumns}, false, {c.data(), kColumns}, ahead);
    for (std::int64_t r = 0; r < rows; ++r) {
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                             c.begin() + r * kColumns))
          << "row " << r << " of " << rows;
    }
  }
}

TEST_P(TileProductTest, ReadsAheadLineByLineAndNoFurtherThanTold) {
  const std::vector<float> soon(16 * 4000);
  const auto a = Random(24 * 64, random_);
  const auto b = Random(64 * 64, random_);
  std::vector<float> c(24 * 64);
  const auto multiply = [&](ReadAhead& ahead) {
    MultiplyTile(DType::kF32, {24, 64, 64}, {a.data(), 64}, {b.data(), 64},
                 false, {c.data(), 64}, ahead);
  };
  ReadAhead plenty{.now = {soon.data(), soon.data() + 48},
                   .then = {soon.data() + 64, soon.data() + soon.size()}};
  multiply(plenty);
  const std::ptrdiff_t read = plenty.now.next - (soon.data() + 64);
  EXPECT_GE(read, 16 * 50) << "three lines of the first range, then the second";
  EXPECT_EQ(read % 16, 0);
  EXPECT_EQ(plenty.now.end, soon.data() + soon.size());

  ReadAhead little{.now = {soon.data(), soon.data() + 16}, .then = {}};
  multiply(little);
  EXPECT_EQ(little.now.next, nullptr) << "nothing is left";
  EXPECT_EQ(little.lines, 0) << "and nobody looks again";
}

TEST(LinesAtATimeTest, IsMoreWhereProductsAreShort) {
  const std::vector<float> soon(64 * 128);
  const ReadAhead ahead{
      .now = {soon.data(), soon.data() + 64 * 64},
      .then = {soon.data() + 64 * 64, soon.data() + soon.size()}};
  // 512 lines: 22 times 2 times 16 reads, then 6 times 1 times 8.
  EXPECT_EQ(LinesAtATime({128, 128, 64}, ahead), 1);
  EXPECT_EQ(LinesAtATime({32, 32, 32}, ahead), 4) << "at most";
  EXPECT_EQ(LinesAtATime({32, 32, 3}, ahead), 4) << "never read";
  EXPECT_EQ(LinesAtATime({32, 32, 32}, {}), 1);
}

// Lanes are pairs of a row of `a` and of a column of `b`.
class Bf16TileProductTest : public Bf16TargetTest {
 protected:
  // Random numbers of bf16, two to a lane.
  static std::vector<float> RandomLanes(std::int64_t count,
                                        std::mt19937& random) {
    const auto values = Random(2 * count, random);
    std::vector<float> lanes(static_cast<std::size_t>(count));
    ConvertFromF32(values.data(), 2 * count, DType::kBF16,
                   reinterpret_cast<std::byte*>(lanes.data()));
    return lanes;
  }

  static std::vector<float> Elements(const std::vector<float>& lanes) {
    std::vector<float> elements(2 * lanes.size());
    ConvertToF32(reinterpret_cast<const std::byte*>(lanes.data()), DType::kBF16,
                 static_cast<std::int64_t>(elements.size()), elements.data());
    return elements;
  }

  std::mt19937 random_{13};
};

ATTENTION_ON_EVERY_VECTOR_TARGET(Bf16TileProductTest);

TEST_P(Bf16TileProductTest, MultipliesPairs) {
  ReadAhead ahead;
  for (std::int64_t rows = 1; rows <= 13; ++rows) {
    for (const std::int64_t columns : {1, 16, 23, 64, 100}) {
      for (const std::int64_t depth : {1, 3, 32, 128}) {
        SCOPED_TRACE(testing::Message()
                     << rows << "x" << columns << "x" << depth);
        const auto a = RandomLanes(rows * depth, random_);
        const auto b = RandomLanes(depth * columns, random_);
        const std::int64_t stride =
            (columns + kColumnMultiple - 1) / kColumnMultiple * kColumnMultiple;
        std::vector<float> c(static_cast<std::size_t>(rows * stride), 7.0F);
        MultiplyTile(DType::kBF16, {rows, columns, depth}, {a.data(), depth},
                     {b.data(), columns}, true, {c.data(), stride}, ahead);
        const auto left = Elements(a);
        const auto right = Elements(b);
        for (std::int64_t row = 0; row < rows; ++row) {
          for (std::int64_t column = 0; column < columns; ++column) {
            double expected = 7;
            for (std::int64_t k = 0; k < 2 * depth; ++k) {
              const std::int64_t lane = k / 2 * columns + column;
              expected +=
                  static_cast<double>(
                      left[static_cast<std::size_t>(row * 2 * depth + k)]) *
                  right[static_cast<std::size_t>(2 * lane + k % 2)];
            }
            // Products of bf16 are exact in f32; their sums are rounded.
            ASSERT_NEAR(c[static_cast<std::size_t>(row * stride + column)],
                        expected, 6e-8 * static_cast<double>(2 * depth + 8));
          }
        }
      }
    }
  }
}

TEST_P(Bf16TileProductTest, ARowHasTheSameBitsInEveryTile) {
  constexpr std::int64_t kDepth = 50;
  constexpr std::int64_t kColumns = 80;
  const auto row = RandomLanes(kDepth, random_);
  const auto b = RandomLanes(kDepth * kColumns, random_);
  ReadAhead ahead;
  std::vector<float> expected;
  for (std::int64_t rows = 1; rows <= 20; ++rows) {
    // A stride of 0 repeats the row.
    std::vector<float> c(static_cast<std::size_t>(rows * kColumns));
    MultiplyTile(DType::kBF16, {rows, kColumns, kDepth}, {row.data(), 0},
                 {b.data(), kColumns}, false, {c.data(), kColumns}, ahead);
    if (rows == 1) expected = c;
    for (std::int64_t r = 0; r < rows; ++r) {
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                             c.begin() + r * kColumns))
          << "row " << r << " of " << rows;
    }
  }
}

}  // namespace
}  // namespace attention
