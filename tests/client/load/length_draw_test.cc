// Proves that drawn lengths have the mean that the workload states, cut
// included, and stay within their limits.
#include "client/load/length_draw.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "gtest/gtest.h"

namespace attention::load {
namespace {

constexpr int kCount = 50000;

std::vector<double> Draw(const Lengths& lengths) {
  const LengthDraw draw(lengths);
  Draws draws(11);
  std::vector<double> drawn(kCount);
  std::generate(drawn.begin(), drawn.end(),
                [&] { return static_cast<double>(draw.Next(draws)); });
  return drawn;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Lengths LogNormal(double mean, double sigma, std::int64_t max) {
  return {.kind = Lengths::Kind::kLogNormal,
          .mean = mean,
          .sigma = sigma,
          .max = max};
}

TEST(LengthDrawTest, LognormalLengthsHaveTheirMeanAfterTheCut) {
  for (const Lengths& lengths :
       {LogNormal(30, 0.6, 102), LogNormal(30, 0.6, 40),
        LogNormal(128, 0.5, 512), LogNormal(3, 1, 1000),
        LogNormal(200, 2, 4096), LogNormal(500, 3, 512)}) {
    const std::vector<double> drawn = Draw(lengths);

    // Half a token of rounding, and four deviations of the mean of so many.
    double variance = 0;
    for (const double value : drawn) {
      variance += std::pow(value - lengths.mean, 2) / kCount;
    }
    EXPECT_NEAR(Mean(drawn), lengths.mean,
                0.5 + 4 * std::sqrt(variance / kCount))
        << lengths.mean << " " << lengths.sigma << " " << lengths.max;
    EXPECT_GE(*std::min_element(drawn.begin(), drawn.end()), 1);
    EXPECT_LE(*std::max_element(drawn.begin(), drawn.end()),
              static_cast<double>(lengths.max));
  }
}

TEST(LengthDrawTest, LognormalLengthsHaveTheirSpread) {
  // Without a cut the logarithm has the deviation sigma.
  std::vector<double> drawn = Draw(LogNormal(1000, 0.5, 1 << 20));
  for (double& value : drawn) value = std::log(value);
  const double mean = Mean(drawn);
  double variance = 0;
  for (const double value : drawn)
    variance += std::pow(value - mean, 2) / kCount;

  EXPECT_NEAR(std::sqrt(variance), 0.5, 0.01);
}

TEST(LengthDrawTest, MeansAtTheLimitsAreReached) {
  EXPECT_EQ(Mean(Draw(LogNormal(64, 0.5, 64))), 64);
  EXPECT_NEAR(Mean(Draw(LogNormal(1, 0.5, 64))), 1, 0.01);
}

TEST(LengthDrawTest, ListedLengthsAreDrawnAllAndOnly) {
  const std::vector<double> drawn =
      Draw({.kind = Lengths::Kind::kListed, .listed = {7, 3, 12}});

  EXPECT_EQ(std::set<double>(drawn.begin(), drawn.end()),
            (std::set<double>{3, 7, 12}));
}

TEST(LengthDrawTest, FixedLengthsAreWhatTheyAre) {
  EXPECT_EQ(Mean(Draw({.value = 9})), 9);
}

}  // namespace
}  // namespace attention::load
