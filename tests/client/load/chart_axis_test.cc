// Proves that axes are labelled at round numbers, a handful of them, and that
// they hold what they are made for.
#include "client/load/chart_axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace attention::load {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

std::vector<std::string> Labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks) {
    labels.push_back(tick.label);
  }
  return labels;
}

TEST(ChartAxisTest, LinearAxesBeginAtZeroAndHoldTheirHighest) {
  EXPECT_THAT(Labels(LinearAxis("", 4000)),
              ElementsAre("0", "1,000", "2,000", "3,000", "4,000"));
  EXPECT_THAT(Labels(LinearAxis("", 11'312)),
              ElementsAre("0", "2,500", "5,000", "7,500", "10,000", "12,500"));
  EXPECT_THAT(Labels(LinearAxis("", 0.9)),
              ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
}

TEST(ChartAxisTest, LinearAxesHaveAHandfulOfLabels) {
  for (double high = 1e-3; high < 1e12; high *= 1.07) {
    const Axis axis = LinearAxis("", high);
    EXPECT_GE(axis.high, high * (1 - 1e-9));
    EXPECT_LE(axis.high, high * 2);
    EXPECT_GE(axis.ticks.size(), 3) << high;
    EXPECT_LE(axis.ticks.size(), 7) << high;
  }
}

TEST(ChartAxisTest, LinearAxesOfNothingAreDrawnAllTheSame) {
  for (const double high : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(LinearAxis("", high).high, 1);
  }
}

TEST(ChartAxisTest, DurationsAreLabelledInTheirUnits) {
  EXPECT_THAT(Labels(DurationAxis("", microseconds(300), milliseconds(18))),
              ElementsAre("200 us", "500 us", "1 ms", "2 ms", "5 ms", "10 ms",
                          "20 ms"));
  EXPECT_THAT(Labels(DurationAxis("", microseconds(10), seconds(1))),
              ElementsAre("10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"));
}

TEST(ChartAxisTest, WideAxesLeaveOutEverySecondDecade) {
  EXPECT_THAT(Labels(DurationAxis("", nanoseconds(100), seconds(10))),
              ElementsAre("0.1 us", "10 us", "1 ms", "100 ms", "10 s"));
}

TEST(ChartAxisTest, DurationsThatAreAllTheSameHaveAnAxis) {
  const Axis same = DurationAxis("", milliseconds(5), milliseconds(5));
  EXPECT_LT(same.low, same.high);
  EXPECT_EQ(same.Fraction(5e6), 0);

  const Axis nothing = DurationAxis("", seconds(0), seconds(0));
  EXPECT_GT(nothing.low, 0);
  EXPECT_LT(nothing.low, nothing.high);
}

TEST(ChartAxisTest, LogarithmicAxesGiveEachDecadeTheSameRoom) {
  const Axis axis = DurationAxis("", milliseconds(1), milliseconds(100));

  EXPECT_DOUBLE_EQ(axis.Fraction(1e6), 0);
  EXPECT_DOUBLE_EQ(axis.Fraction(1e7), 0.5);
  EXPECT_DOUBLE_EQ(axis.Fraction(1e8), 1);
}

TEST(ChartAxisTest, NothingIsDrawnOutside) {
  const Axis axis = LinearAxis("", 10);
  EXPECT_EQ(axis.Fraction(-1), 0);
  EXPECT_EQ(axis.Fraction(11), 1);
  EXPECT_EQ(DurationAxis("", milliseconds(1), seconds(1)).Fraction(0), 0);
}

TEST(ChartAxisTest, EachNineOfAPercentileHasTheSameRoom) {
  const Axis axis = PercentileAxis("", 10'000);

  EXPECT_THAT(Labels(axis),
              ElementsAre("0", "50", "90", "99", "99.9", "99.99"));
  EXPECT_DOUBLE_EQ(axis.Fraction(10), 0.25);
  EXPECT_DOUBLE_EQ(axis.Fraction(100), 0.5);
  EXPECT_DOUBLE_EQ(axis.Fraction(1000), 0.75);
}

TEST(ChartAxisTest, PercentilesGoAsFarAsThereAreValues) {
  EXPECT_THAT(Labels(PercentileAxis("", 0)), ElementsAre("0", "50", "90"));
  EXPECT_THAT(Labels(PercentileAxis("", 999)),
              ElementsAre("0", "50", "90", "99"));
  EXPECT_EQ(PercentileAxis("", 1'000'000'000).ticks.back().label, "99.999");
}

TEST(ChartAxisTest, RatiosHaveOneInside) {
  const Axis narrow = RatioAxis("", 1, 1);
  EXPECT_GT(narrow.Fraction(1), 0.2);
  EXPECT_LT(narrow.Fraction(1), 0.8);

  EXPECT_THAT(Labels(RatioAxis("", 0.75, 1.4)),
              ElementsAre("0.8", "1", "1.2", "1.4"));
  EXPECT_THAT(Labels(RatioAxis("", 0.01, 90)),
              ElementsAre("0.01", "0.1", "1", "10", "100"));
}

}  // namespace
}  // namespace attention::load
