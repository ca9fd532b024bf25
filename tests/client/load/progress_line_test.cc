// Proves what the line of a running step says, to the letter, and that it fits
// into a terminal whatever the figures are.
#include "client/load/progress_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>

namespace attention::load {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Progress Running() {
  Progress progress;
  progress.load = {.arrivals = Arrivals::kPoisson, .rate = 500};
  progress.elapsed = Seconds(3);
  progress.total = Seconds(10);
  progress.window = Seconds(2);
  progress.ended[0] = 996;
  // Their extremes are exact.
  progress.latency.Record(microseconds(4100));
  progress.latency.Record(microseconds(9800));
  progress.in_flight = 7;
  return progress;
}

TEST(ProgressLineTest, ShowsTheLastMoments) {
  EXPECT_EQ(ProgressLine(Running()),
            "  3.0/10 s  500/s  answered 498/s  p50 4.10 ms  p99 9.80 ms  "
            "errors 0  open 7");
}

TEST(ProgressLineTest, LeavesOutWhatDoesNotFit) {
  Progress progress = Running();
  progress.load.rate = 25'000;
  progress.ended[0] = 49'800;

  EXPECT_EQ(ProgressLine(progress),
            "  3.0/10 s  25,000/s  answered 24,900/s  p50 4.10 ms  "
            "p99 9.80 ms  errors 0");
}

TEST(ProgressLineTest, SaysThatItWarmsUp) {
  Progress progress = Running();
  progress.is_warm_up = true;

  EXPECT_EQ(ProgressLine(progress),
            "  3.0/10 s  500/s  warm-up  answered 498/s  p50 4.10 ms  "
            "p99 9.80 ms  errors 0");
}

TEST(ProgressLineTest, ErrorsAreAShareOfWhatEnded) {
  Progress progress = Running();
  progress.ended[0] = 976;
  progress.ended[1] = 12;
  progress.ended[2] = 8;
  progress.ended[3] = 4;

  EXPECT_THAT(ProgressLine(progress), HasSubstr("  errors 2.40 %"));
}

TEST(ProgressLineTest, AClosedLoopHasNoRate) {
  Progress progress = Running();
  progress.load = {.arrivals = Arrivals::kClosed, .concurrency = 8};

  EXPECT_THAT(ProgressLine(progress),
              StartsWith("  3.0/10 s  8 in flight  answered 498/s"));
}

TEST(ProgressLineTest, TheFirstMomentHasNoFigures) {
  Progress progress;
  progress.load = {.arrivals = Arrivals::kConstant, .rate = 500};
  progress.total = Seconds(10);

  EXPECT_EQ(ProgressLine(progress),
            "  0.0/10 s  500/s  answered 0/s  p50 -  p99 -  errors 0  open 0");
}

TEST(ProgressLineTest, IsNeverWiderThan79Columns) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  const double numbers[] = {
      0,         1e-9,      0.5,
      999.95,    123'456.7, 1e6,
      999'999.5, 1e18,      1e300,
      kInfinity, -1e300,    std::numeric_limits<double>::quiet_NaN()};
  for (const double number : numbers) {
    for (const bool is_warm_up : {false, true}) {
      for (const Arrivals arrivals : {Arrivals::kPoisson, Arrivals::kClosed}) {
        Progress progress;
        progress.load = {.arrivals = arrivals,
                         .rate = number,
                         .concurrency = std::numeric_limits<int>::max()};
        progress.elapsed = Seconds(number);
        progress.total = Seconds(number);
        progress.is_warm_up = is_warm_up;
        progress.window = Seconds(1e-9);
        std::fill(std::begin(progress.ended), std::end(progress.ended), kMost);
        progress.latency.Record(std::chrono::hours(1));
        progress.in_flight = kMost;

        const std::string line = ProgressLine(progress);

        EXPECT_LE(line.size(), 79) << line;
        EXPECT_THAT(line, HasSubstr("answered"));
        EXPECT_THAT(line, Not(HasSubstr("\n")));
      }
    }
  }
}

}  // namespace
}  // namespace attention::load
