// Shows that arrivals come at the rate asked for: evenly without drift, or as
// a Poisson process, the same for the same seed everywhere.
#include "client/load/arrival_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace attention::load {
namespace {

using std::chrono::nanoseconds;

constexpr int kGaps = 100000;

// In seconds, from the beginning of the run to the first one and so on.
std::vector<double> Gaps(ArrivalTimes arrivals) {
  std::vector<double> gaps(kGaps);
  nanoseconds before(0);
  for (double& gap : gaps) {
    const nanoseconds now = arrivals.Next();
    gap = Seconds(now - before).count();
    before = now;
  }
  return gaps;
}

class PoissonTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr double kRate = 500;
  const std::vector<double> gaps_ =
      Gaps(ArrivalTimes(Arrivals::kPoisson, kRate, GetParam()));
};

// The mean of n gaps has a standard deviation of 1 / (rate sqrt(n)), their
// variance one of sqrt(8 / n) / rate^2: the fourth central moment of an
// exponential distribution is 9 / rate^4. Five of them are allowed.
TEST_P(PoissonTest, GapsHaveTheMeanAndVarianceOfTheRate) {
  double sum = 0;
  double squares = 0;
  for (const double gap : gaps_) {
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / kGaps;
  const double variance = squares / kGaps - mean * mean;

  EXPECT_NEAR(mean * kRate, 1, 5 / std::sqrt(kGaps));
  EXPECT_NEAR(variance * kRate * kRate, 1, 5 * std::sqrt(8.0 / kGaps));
}

// Kolmogorov and Smirnov: the largest distance from the distribution is above
// 2.2 / sqrt(n) once in 8000 sets of gaps (2 exp(-2 * 2.2^2) = 1.3e-4).
TEST_P(PoissonTest, GapsAreExponential) {
  std::vector<double> gaps = gaps_;
  std::sort(gaps.begin(), gaps.end());

  double distance = 0;
  for (int i = 0; i < kGaps; ++i) {
    const double expected = 1 - std::exp(-kRate * gaps[i]);
    distance = std::max({distance, std::abs(expected - i * 1.0 / kGaps),
                         std::abs(expected - (i + 1.0) / kGaps)});
  }

  EXPECT_LT(distance, 2.2 / std::sqrt(kGaps));
}

// A dependence would change how bursts queue up. The correlation of n
// independent gaps has a standard deviation of 1 / sqrt(n).
TEST_P(PoissonTest, GapsDoNotDependOnEachOther) {
  double products = 0;
  for (int i = 1; i < kGaps; ++i) {
    products += (gaps_[i - 1] * kRate - 1) * (gaps_[i] * kRate - 1);
  }

  EXPECT_NEAR(products / kGaps, 0, 5 / std::sqrt(kGaps));
}

// The seeds are the names of the tests.
INSTANTIATE_TEST_SUITE_P(Seeds, PoissonTest,
                         ::testing::Values(1, 2, 3, 42, 0xffffffffffffffff),
                         ::testing::PrintToStringParamName());

// Computed from the definition of the generator (Nishimura and Matsumoto,
// 2004) with another program: the same on every machine.
TEST(ArrivalTimesTest, PoissonTimesOfASeedAreTheSameEverywhere) {
  ArrivalTimes arrivals(Arrivals::kPoisson, 1000, 7);

  for (const double expected_ns : {1403991.2479881176, 4385844.342347755,
                                   4510743.705267227, 6735564.160766282}) {
    EXPECT_NEAR(static_cast<double>(arrivals.Next().count()), expected_ns, 1);
  }
}

TEST(ArrivalTimesTest, SeedsGiveDifferentTimes) {
  ArrivalTimes one(Arrivals::kPoisson, 1000, 1);
  ArrivalTimes two(Arrivals::kPoisson, 1000, 2);

  EXPECT_NE(one.Next(), two.Next());
}

TEST(ArrivalTimesTest, PoissonTimesNeverGoBack) {
  ArrivalTimes arrivals(Arrivals::kPoisson, 1e9, 1);

  nanoseconds before(0);
  for (int i = 0; i < kGaps; ++i) {
    const nanoseconds now = arrivals.Next();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(ArrivalTimesTest, ConstantTimesStartAtZero) {
  ArrivalTimes arrivals(Arrivals::kConstant, 4, 1);

  EXPECT_EQ(arrivals.Next(), std::chrono::milliseconds(0));
  EXPECT_EQ(arrivals.Next(), std::chrono::milliseconds(250));
  EXPECT_EQ(arrivals.Next(), std::chrono::milliseconds(500));
}

// A gap of 1/3 ms takes rounding: a million rounded gaps would be 333 us off.
TEST(ArrivalTimesTest, ConstantTimesDoNotDrift) {
  ArrivalTimes arrivals(Arrivals::kConstant, 3000, 1);

  for (std::int64_t i = 0; i <= 1'000'000; ++i) {
    const std::int64_t expected_ns = (i * 1'000'000 + 1) / 3;
    ASSERT_EQ(arrivals.Next(), nanoseconds(expected_ns)) << i;
  }
}

}  // namespace
}  // namespace attention::load
