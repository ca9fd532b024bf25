// Products of tiles against double arithmetic, at every vector length that this
// CPU has, and what batch invariance rests on: a row has the same bits wherever
// it stands.
#include "core/attention/tile_product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

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
  std::mt19937 random_{11};
};

ATTENTION_ON_EVERY_VECTOR_TARGET(TileProductTest);

// Rows and columns lie apart, so that what is written beside them shows.
TEST_P(TileProductTest, MultipliesEverySmallShape) {
  for (std::int64_t rows = 1; rows <= 14; ++rows) {
    for (const std::int64_t columns : {16, 32, 48, 64, 80, 144}) {
      for (const std::int64_t depth : {1, 3, 4, 33}) {
        const std::int64_t a_stride = depth + 1;
        const auto a_values = Random(rows * a_stride, random_);
        const auto b_values = Random(depth * (columns + 3), random_);
        for (const bool accumulate : {false, true}) {
          std::vector<float> c(static_cast<std::size_t>(rows * (columns + 5)),
                               kUntouched);
          ReadAhead ahead;
          MultiplyTile({rows, columns, depth}, {a_values.data(), a_stride},
                       {b_values.data(), columns + 3}, accumulate,
                       {c.data(), columns + 5}, ahead);
          for (std::int64_t i = 0; i < rows * (columns + 5); ++i) {
            const std::int64_t row = i / (columns + 5);
            const std::int64_t column = i % (columns + 5);
            double expected = kUntouched;
            if (column < columns) {
              if (!accumulate) expected = 0;
              for (std::int64_t k = 0; k < depth; ++k) {
                expected +=
                    static_cast<double>(a_values[static_cast<std::size_t>(
                        row * a_stride + k)]) *
                    b_values[static_cast<std::size_t>(k * (columns + 3) +
                                                      column)];
              }
            }
            // Rounding of `depth` sums of products below 1, and of adding 7.
            ASSERT_NEAR(c[static_cast<std::size_t>(i)], expected,
                        6e-8 * static_cast<double>(depth + 8))
                << rows << "x" << columns << "x" << depth << " accumulate "
                << accumulate << ", row " << row << ", column " << column;
          }
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
  MultiplyTile({1, kColumns, kDepth}, {row.data(), kDepth},
               {b.data(), kColumns}, false, {expected.data(), kColumns}, ahead);
  for (std::int64_t rows = 2; rows <= 20; ++rows) {
    // A stride of 0 repeats the row.
    std::vector<float> c(static_cast<std::size_t>(rows * kColumns));
    MultiplyTile({rows, kColumns, kDepth}, {row.data(), 0},
                 {b.data(), kColumns}, false, {c.data(), kColumns}, ahead);
    for (std::int64_t r = 0; r < rows; ++r) {
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                             c.begin() + r * kColumns))
          << "row " << r << " of " << rows;
    }
  }
}

TEST_P(TileProductTest, ReadsAheadNoFurtherThanTold) {
  const std::vector<float> soon(100);
  const auto a = Random(24 * 64, random_);
  const auto b = Random(64 * 64, random_);
  std::vector<float> c(24 * 64);
  ReadAhead ahead{.now = {soon.data(), soon.data() + 50},
                  .then = {soon.data() + 50, soon.data() + 100}};
  MultiplyTile({24, 64, 64}, {a.data(), 64}, {b.data(), 64}, false,
               {c.data(), 64}, ahead);
  EXPECT_EQ(ahead.now.next, ahead.now.end) << "64 lines were asked for";
}

}  // namespace
}  // namespace attention
