// Proves how figures are written for people: the digits, the unit, and what
// happens where one unit ends and the next begins.
#include "client/load/figure_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace attention::load {
namespace {

using std::chrono::nanoseconds;

TEST(FigureTextTest, DurationsHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(DurationText(nanoseconds(0)), "0 us");
  EXPECT_EQ(DurationText(nanoseconds(850)), "0.85 us");
  EXPECT_EQ(DurationText(nanoseconds(9'811'000)), "9.81 ms");
  EXPECT_EQ(DurationText(nanoseconds(123'456'789)), "123 ms");
  EXPECT_EQ(DurationText(nanoseconds(1'204'000'000)), "1.20 s");
  EXPECT_EQ(DurationText(nanoseconds(3'600'000'000'000)), "3600 s");
  EXPECT_EQ(DurationText(Seconds(0.25)), "250 ms");
}

TEST(FigureTextTest, RoundingCarriesOverToTheNextUnit) {
  EXPECT_EQ(DurationText(nanoseconds(9'994)), "9.99 us");
  EXPECT_EQ(DurationText(nanoseconds(9'996)), "10.0 us");
  EXPECT_EQ(DurationText(nanoseconds(999'400)), "999 us");
  EXPECT_EQ(DurationText(nanoseconds(999'600)), "1.00 ms");
  EXPECT_EQ(DurationText(nanoseconds(999'600'000)), "1.00 s");
}

TEST(FigureTextTest, CountsAreExact) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1'000), "1,000");
  EXPECT_EQ(CountText(1'234'567), "1,234,567");
  EXPECT_EQ(CountText(-123'456), "-123,456");
  EXPECT_EQ(CountText(std::numeric_limits<std::int64_t>::max()),
            "9,223,372,036,854,775,807");
}

TEST(FigureTextTest, NumbersAreShort) {
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(0.001), "<0.01");
  EXPECT_EQ(NumberText(0.25), "0.25");
  EXPECT_EQ(NumberText(8), "8");
  EXPECT_EQ(NumberText(12.34), "12.3");
  EXPECT_EQ(NumberText(100), "100");
  EXPECT_EQ(NumberText(25'310.4), "25,310");
  EXPECT_EQ(NumberText(1'234'567), "1.23 M");
  EXPECT_EQ(NumberText(2.5e9), "2.50 G");
  EXPECT_EQ(NumberText(7e13), "70.0 T");
  for (const double large : {1e15, 1e18, 1e100, 1.7e308}) {
    EXPECT_LE(NumberText(large).size(), 10) << large;
  }
}

TEST(FigureTextTest, WhatIsNoNumberIsSaidToBeNone) {
  EXPECT_EQ(NumberText(std::numeric_limits<double>::quiet_NaN()), "n/a");
  EXPECT_EQ(RateText(std::numeric_limits<double>::infinity()), "n/a/s");
  EXPECT_EQ(BytesText(-std::numeric_limits<double>::infinity()), "n/a");
  EXPECT_EQ(PercentText(std::numeric_limits<double>::quiet_NaN()), "n/a");
}

TEST(FigureTextTest, BytesAreDecimal) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(850), "850 B");
  EXPECT_EQ(BytesText(1'500), "1.50 kB");
  EXPECT_EQ(BytesText(1'250'000), "1.25 MB");
  EXPECT_EQ(BytesText(3.2e9), "3.20 GB");
}

TEST(FigureTextTest, AlmostAllIsNotAllAndAlmostNothingIsNotNothing) {
  EXPECT_EQ(PercentText(0), "0 %");
  EXPECT_EQ(PercentText(0.00001), "<0.01 %");
  EXPECT_EQ(PercentText(0.004), "0.40 %");
  EXPECT_EQ(PercentText(0.125), "12.50 %");
  EXPECT_EQ(PercentText(0.99999), ">99.99 %");
  EXPECT_EQ(PercentText(1), "100 %");
}

TEST(FigureTextTest, RatiosKeepThreeDigits) {
  EXPECT_EQ(RatioText(0.8), "0.80");
  EXPECT_EQ(RatioText(1.346), "1.35");
  EXPECT_EQ(RatioText(12.34), "12.3");
  EXPECT_EQ(RatioText(0.0042), "0.0042");
}

TEST(FigureTextTest, APercentileOfNothingIsADash) {
  Histogram histogram;
  EXPECT_EQ(PercentileText(histogram, 99), "-");

  histogram.Record(nanoseconds(4'100'000));
  EXPECT_EQ(PercentileText(histogram, 99), "4.10 ms");
}

TEST(FigureTextTest, LoadsSayHowRequestsStart) {
  EXPECT_EQ(LoadText({.arrivals = Arrivals::kPoisson, .rate = 500}),
            "500 requests/s, Poisson arrivals");
  EXPECT_EQ(LoadText({.arrivals = Arrivals::kConstant, .rate = 0.5}),
            "0.5 requests/s, evenly spaced");
  EXPECT_EQ(LoadText({.arrivals = Arrivals::kClosed, .concurrency = 8}),
            "8 requests in flight");
  EXPECT_EQ(ShortLoadText({.arrivals = Arrivals::kPoisson, .rate = 500}),
            "500/s");
  EXPECT_EQ(ShortLoadText({.arrivals = Arrivals::kClosed, .concurrency = 8}),
            "8 in flight");
}

}  // namespace
}  // namespace attention::load
