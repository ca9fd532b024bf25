// Shows that percentiles are those of the sorted durations to within a bucket,
// whatever the distribution, and that merging loses nothing.
#include "client/load/histogram.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace attention::load {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;

constexpr int kSeeds = 5;
constexpr int kDurations = 20000;

// Half of the widest bucket, 1/128 of where it starts.
double Tolerance(std::int64_t ns) {
  return std::max(0.004 * static_cast<double>(ns), 4.0);
}

Histogram HistogramOf(const std::vector<std::int64_t>& durations) {
  Histogram histogram;
  for (const std::int64_t ns : durations) {
    histogram.Record(nanoseconds(ns));
  }
  return histogram;
}

// Compares with the nearest ranks of the sorted durations, for per mille from
// the first to the last: whole numbers, so that ranks are exact.
void ExpectPercentilesOf(std::vector<std::int64_t> durations) {
  const Histogram histogram = HistogramOf(durations);
  std::sort(durations.begin(), durations.end());
  const auto count = static_cast<std::int64_t>(durations.size());
  for (std::int64_t per_mille = 1; per_mille <= 1000; ++per_mille) {
    const std::int64_t rank = (per_mille * count + 999) / 1000;
    const std::int64_t exact = durations[rank - 1];
    const double percent = static_cast<double>(per_mille) / 10;
    ASSERT_NEAR(static_cast<double>(histogram.Percentile(percent).count()),
                static_cast<double>(exact), Tolerance(exact))
        << "p" << percent;
  }
}

// Draws several sets of durations and compares the percentiles of each.
void ExpectPercentilesOfDraws(
    const std::function<double(std::mt19937_64&)>& draw_ns) {
  for (int seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> durations(kDurations);
    std::generate(durations.begin(), durations.end(),
                  [&] { return std::llround(draw_ns(random)); });
    ExpectPercentilesOf(std::move(durations));
  }
}

TEST(HistogramTest, FollowsUniformDurations) {
  std::uniform_real_distribution<double> uniform(1e3, 1e8);
  ExpectPercentilesOfDraws(std::ref(uniform));
}

TEST(HistogramTest, FollowsDurationsFromMicrosecondsToMinutes) {
  // The median is 1 ms, four sigmas are a factor of 1e5.
  std::lognormal_distribution<double> lognormal(std::log(1e6),
                                                std::log(1e5) / 4);
  ExpectPercentilesOfDraws([&](std::mt19937_64& random) {
    return std::clamp(lognormal(random), 1e3, 3599e9);
  });
}

TEST(HistogramTest, FollowsTwoModesFarApart) {
  std::bernoulli_distribution is_slow(0.01);
  std::normal_distribution<double> fast(200e3, 10e3);
  std::normal_distribution<double> slow(2e9, 50e6);
  ExpectPercentilesOfDraws([&](std::mt19937_64& random) {
    return is_slow(random) ? slow(random) : fast(random);
  });
}

TEST(HistogramTest, FollowsDurationsBelowAMicrosecond) {
  std::uniform_real_distribution<double> uniform(0, 2000);
  ExpectPercentilesOfDraws(std::ref(uniform));
}

TEST(HistogramTest, KeepsAConstantExactly) {
  const Histogram histogram =
      HistogramOf(std::vector<std::int64_t>(1000, 1234567));

  for (const double percent : {0.001, 50.0, 99.9, 100.0}) {
    EXPECT_EQ(histogram.Percentile(percent), nanoseconds(1234567));
  }
}

// Around every power of two, where the width of buckets changes.
TEST(HistogramTest, KnowsEveryDurationWithinHalfABucket) {
  for (int bit = 0; bit < 42; ++bit) {
    for (const int offset : {-9, -8, -1, 0, 1, 7, 8, 9}) {
      const std::int64_t ns = (std::int64_t{1} << bit) + offset;
      if (ns < 0 || nanoseconds(ns) > hours(1)) {
        continue;
      }
      Histogram histogram;
      histogram.Record(nanoseconds(0));
      histogram.Record(nanoseconds(ns));
      histogram.Record(hours(1));

      EXPECT_NEAR(static_cast<double>(histogram.Percentile(50).count()),
                  static_cast<double>(ns), Tolerance(ns));
    }
  }
}

TEST(HistogramTest, FirstAndLastAreExact) {
  const Histogram histogram = HistogramOf({1000003, 2000003, 5000003});

  EXPECT_EQ(histogram.Percentile(1e-9), nanoseconds(1000003));
  EXPECT_EQ(histogram.Percentile(33), nanoseconds(1000003));
  EXPECT_EQ(histogram.Percentile(67), nanoseconds(5000003));
  EXPECT_EQ(histogram.Percentile(100), nanoseconds(5000003));
  EXPECT_EQ(histogram.min(), nanoseconds(1000003));
  EXPECT_EQ(histogram.max(), nanoseconds(5000003));
  EXPECT_EQ(histogram.mean(), nanoseconds(2666670));  // 8000009 / 3
}

// 99.9 % of 1000 is 999 in decimals, but may be more in doubles.
TEST(HistogramTest, RoundingDoesNotReachTheNextRank) {
  for (const std::int64_t thousands : {1, 3, 7, 64, 999}) {
    Histogram histogram;
    const std::int64_t count = 1000 * thousands;
    for (std::int64_t i = 1; i <= count; ++i) {
      const bool is_late = i > count - thousands;
      histogram.Record(is_late ? hours(1) : microseconds(10));
    }

    EXPECT_LT(histogram.Percentile(99.9), microseconds(11)) << count;
    EXPECT_GT(histogram.Percentile(99.90001), minutes(59)) << count;
  }
}

TEST(HistogramTest, IsZeroWhenEmpty) {
  const Histogram histogram;

  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
  EXPECT_EQ(histogram.mean(), nanoseconds(0));
  EXPECT_EQ(histogram.Percentile(50), nanoseconds(0));
  EXPECT_EQ(histogram.Percentile(100), nanoseconds(0));
  EXPECT_EQ(histogram.CountUpTo(hours(1)), 0);
}

TEST(HistogramTest, CountsWhatIsOutOfRange) {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));
  histogram.Record(hours(1));
  histogram.Record(hours(1) + nanoseconds(1));
  histogram.Record(nanoseconds::max());

  EXPECT_EQ(histogram.count(), 4);
  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds::max());
  EXPECT_NEAR(std::chrono::duration<double>(histogram.Percentile(75)).count(),
              3600, 0.004 * 3600);
}

TEST(HistogramTest, MergingPartsIsRecordingAll) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> lognormal(std::log(1e6), 2);
  Histogram all;
  Histogram merged;
  std::vector<Histogram> parts(4);
  for (int i = 0; i < kDurations; ++i) {
    const nanoseconds duration(std::llround(lognormal(random)));
    all.Record(duration);
    parts[i % 3].Record(duration);  // the fourth stays empty
  }

  for (const Histogram& part : parts) {
    merged.Merge(part);
  }

  EXPECT_EQ(merged.count(), all.count());
  EXPECT_EQ(merged.min(), all.min());
  EXPECT_EQ(merged.max(), all.max());
  EXPECT_EQ(merged.mean(), all.mean());
  for (int percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(merged.Percentile(percent), all.Percentile(percent)) << percent;
  }
}

// Each reaches beyond what was there, on one side, on the other and on both.
TEST(HistogramTest, GrowsToBothSides) {
  Histogram merged = HistogramOf({50'000});
  merged.Merge(HistogramOf({9'000'000'000}));
  merged.Merge(HistogramOf({10}));
  merged.Merge(HistogramOf({1, 3'600'000'000'000}));

  EXPECT_EQ(merged.count(), 5);
  EXPECT_EQ(merged.AtRank(1), nanoseconds(1));
  EXPECT_NEAR(static_cast<double>(merged.AtRank(2).count()), 10, 4);
  EXPECT_NEAR(static_cast<double>(merged.AtRank(3).count()), 50'000, 200);
  EXPECT_NEAR(static_cast<double>(merged.AtRank(4).count()), 9e9, 36e6);
  EXPECT_EQ(merged.AtRank(5), hours(1));
  EXPECT_EQ(merged.CountUpTo(milliseconds(1)), 3);
  merged.Merge(Histogram());
  EXPECT_EQ(merged.count(), 5);
}

// A run has thousands, of a second each.
TEST(HistogramTest, TakesNoMoreMemoryThanItsDurationsNeed) {
  constexpr std::size_t kHistograms = 1000;
  std::vector<Histogram> histograms(kHistograms);
  const std::size_t before = mallinfo2().uordblks;
  for (Histogram& histogram : histograms) {
    histogram.Record(milliseconds(9));
    histogram.Record(milliseconds(30));
  }
  // Two octaves, 8.4 to 34 ms, and what the heap adds.
  EXPECT_LE(mallinfo2().uordblks - before, kHistograms * 4 * 1024);
}

TEST(HistogramTest, MergingEmptyOnesIsEmpty) {
  Histogram histogram;
  histogram.Merge(Histogram());

  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.Percentile(99), nanoseconds(0));
}

TEST(HistogramTest, CountsUpToADurationWithinItsBucket) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) {
    histogram.Record(microseconds(100 * i));
  }

  EXPECT_EQ(histogram.CountUpTo(nanoseconds(-1)), 0);
  EXPECT_EQ(histogram.CountUpTo(nanoseconds(99'999)), 0);
  EXPECT_EQ(histogram.CountUpTo(microseconds(100)), 1);
  // The bucket of 50 ms is 0.26 ms wide.
  EXPECT_NEAR(static_cast<double>(histogram.CountUpTo(milliseconds(50))), 500,
              3);
  EXPECT_EQ(histogram.CountUpTo(milliseconds(100)), 1000);
  EXPECT_EQ(histogram.CountUpTo(hours(5)), 1000);
}

}  // namespace
}  // namespace attention::load
