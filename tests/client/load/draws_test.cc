// Proves that draws are those of the standard's generator, spread as the header
// says, and the same everywhere.
#include "client/load/draws.h"

#include <cmath>
#include <map>

#include "gtest/gtest.h"

namespace attention::load {
namespace {

TEST(DrawsTest, TakesBitsFromTheGeneratorOfTheStandard) {
  // [rand.predef]: the 10000th number of a default-constructed mt19937_64,
  // whose seed is 5489.
  Draws draws(5489);
  for (int i = 1; i < 10000; ++i) draws.Bits();

  EXPECT_EQ(draws.Bits(), 9981545732273789042U);
}

TEST(DrawsTest, MakesNumbersOfThoseBitsAsDocumented) {
  // The first number of that generator is 14514284786278117030,
  // 0xc96d191cf6f6aea6.
  EXPECT_EQ(Draws(5489).Unit(),
            static_cast<double>(0xc96d191cf6f6aea6 >> 11) / 9007199254740992.0);
  EXPECT_EQ(Draws(5489).Below(1000), 14514284786278117030U % 1000);
  EXPECT_NEAR(Draws(5489).Value(),
              (0xc96d + 0x191c + 0xf6f6 + 0xaea6 - 131070) / 37837.227, 1e-6);
}

TEST(DrawsTest, DrawsBelowEachNumberEquallyOften) {
  Draws draws(1);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 30000; ++i) ++counts[draws.Below(3)];

  ASSERT_EQ(counts.size(), 3U);
  for (const auto& [number, count] : counts) {
    EXPECT_LT(number, 3U);
    // Six deviations of a binomial distribution.
    EXPECT_NEAR(count, 10000, 490);
  }
  EXPECT_EQ(draws.Below(1), 0U);
}

// Mean, variance and the largest magnitude of 100,000 numbers.
template <typename Draw>
void ExpectStandard(Draw draw, double limit) {
  constexpr int kCount = 100000;
  double sum = 0;
  double squares = 0;
  double largest = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = draw();
    sum += value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_NEAR(sum / kCount, 0, 0.02);
  EXPECT_NEAR(squares / kCount, 1, 0.03);
  EXPECT_LE(largest, limit);
  EXPECT_GT(largest, 0.6 * limit);
}

TEST(DrawsTest, ValuesAndNormalNumbersHaveMeanZeroAndVarianceOne) {
  Draws draws(2);
  ExpectStandard([&draws] { return draws.Value(); }, 3.47);
  ExpectStandard([&draws] { return draws.Normal(); }, 6);
}

}  // namespace
}  // namespace attention::load
