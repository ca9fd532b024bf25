// Proves that rows are rounded to the nearest bf16 and that neighbours come to
// share lanes, on every vector target of this CPU.
#include "core/attention/bf16_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/bf16_target_test.h"

namespace attention {
namespace {

constexpr std::uint16_t kUntouched = 0xBEEF;

float Value(std::uint16_t bf16) {
  const std::uint32_t bits = std::uint32_t{bf16} << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

std::vector<std::uint16_t> Round(const std::vector<float>& row, float factor) {
  std::vector<std::uint16_t> rounded(row.size() + 1, kUntouched);
  const auto columns = static_cast<std::int64_t>(row.size());
  RoundRows({row.data(), columns}, &factor, 1, columns,
            {rounded.data(), columns});
  EXPECT_EQ(rounded.back(), kUntouched);
  rounded.pop_back();
  return rounded;
}

using Bf16RowsTest = Bf16TargetTest;

TEST_P(Bf16RowsTest, RoundsToTheNearestAndTiesToEven) {
  // One and a half units in the last place of 1 above it lies between 0x3F81
  // and 0x3F82; half a unit lies between 0x3F80 and 0x3F81.
  const std::vector<float> row = {1.0F,
                                  1.00390625F,
                                  1.01171875F,
                                  1.0039063692F,
                                  -2.5F,
                                  0.0F,
                                  std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::max()};
  EXPECT_EQ(Round(row, 1),
            (std::vector<std::uint16_t>{0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xC020,
                                        0, 0x7F80, 0x7F80}));
  const std::uint16_t nan =
      Round({std::numeric_limits<float>::quiet_NaN()}, 1)[0];
  EXPECT_TRUE(std::isnan(Value(nan)));
}

TEST_P(Bf16RowsTest, RoundsEveryRowTimesItsFactor) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-9, 9);
  for (const std::int64_t columns : {1, 7, 16, 33, 64}) {
    const std::int64_t stride = columns + 3;
    std::vector<float> from(static_cast<std::size_t>(4 * stride));
    for (float& value : from) value = uniform(random);
    const float factors[] = {1, 0.5F, 3, -0.1F};
    std::vector<std::uint16_t> to(static_cast<std::size_t>(4 * columns));
    RoundRows({from.data(), stride}, factors, 4, columns, {to.data(), columns});
    for (std::int64_t r = 0; r < 4; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        const double exact = static_cast<double>(factors[r]) *
                             from[static_cast<std::size_t>(r * stride + c)];
        const float got = Value(to[static_cast<std::size_t>(r * columns + c)]);
        // Half a unit of 8 bits, and the rounding of the product before.
        ASSERT_NEAR(got, exact, std::abs(exact) * (0x1p-8 + 0x1p-23));
      }
    }
  }
}

// In pieces as segments of a batch come: any row may be a piece's first.
TEST_P(Bf16RowsTest, PairsRowsInAnyPieces) {
  constexpr std::int64_t kRows = 9;
  for (const std::int64_t columns : {1, 16, 35, 64}) {
    for (std::int64_t cut = 0; cut <= kRows; ++cut) {
      SCOPED_TRACE(testing::Message() << columns << " columns, cut " << cut);
      const std::int64_t stride = columns + 5;
      std::vector<std::uint16_t> from(static_cast<std::size_t>(kRows * stride));
      for (std::size_t i = 0; i < from.size(); ++i) {
        from[i] = static_cast<std::uint16_t>(i + 1);
      }
      std::vector<std::uint16_t> to(static_cast<std::size_t>(10 * columns),
                                    kUntouched);
      const MutableTileView lanes{reinterpret_cast<float*>(to.data()), columns};
      PairRows({from.data() + cut * stride, stride}, cut, kRows - cut, columns,
               lanes);
      PairRows({from.data(), stride}, 0, cut, columns, lanes);
      for (std::int64_t r = 0; r < 10; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::uint16_t expected =
              r == kRows ? kUntouched
                         : from[static_cast<std::size_t>(r * stride + c)];
          ASSERT_EQ(
              to[static_cast<std::size_t>(r / 2 * 2 * columns + 2 * c + r % 2)],
              expected)
              << "row " << r << " column " << c;
        }
      }
    }
  }
}

ATTENTION_ON_EVERY_VECTOR_TARGET(Bf16RowsTest);

}  // namespace
}  // namespace attention
