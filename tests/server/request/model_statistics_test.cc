// Proves that counts and times of a model are the sums of its requests', that
// batches are counted once, and that threads may record at once.
#include "server/request/model_statistics.h"

#include <cmath>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace attention {
namespace {

using std::chrono::nanoseconds;

RequestTimes Succeeded(std::int64_t batch_requests) {
  return {.ok = true,
          .total = nanoseconds(100),
          .input = nanoseconds(1),
          .queue = nanoseconds(20),
          .compute = nanoseconds(70),
          .output = nanoseconds(9),
          .sequences = 3,
          .batch_requests = batch_requests};
}

TEST(ModelStatisticsTest, AModelThatWasNeverAskedHasZeros) {
  const ModelStatistics statistics;
  const ModelCounts counts = statistics.Of("minilm/0");
  EXPECT_EQ(counts.success.count, 0);
  EXPECT_EQ(counts.fail.count, 0);
  EXPECT_EQ(counts.last.time_since_epoch().count(), 0);
}

TEST(ModelStatisticsTest, TimesAddUpAndModelsAreApart) {
  ModelStatistics statistics;
  statistics.Record("minilm/0", Succeeded(1));
  statistics.Record("minilm/0", Succeeded(1));
  statistics.Record("minilm/1", Succeeded(1));
  const ModelCounts counts = statistics.Of("minilm/0");
  EXPECT_EQ(counts.success.count, 2);
  EXPECT_EQ(counts.success.time, nanoseconds(200));
  EXPECT_EQ(counts.input.time, nanoseconds(2));
  EXPECT_EQ(counts.queue.time, nanoseconds(40));
  EXPECT_EQ(counts.compute.time, nanoseconds(140));
  EXPECT_EQ(counts.output.time, nanoseconds(18));
  EXPECT_EQ(counts.output.count, 2);
  EXPECT_EQ(counts.sequences, 6);
  EXPECT_GT(counts.last.time_since_epoch().count(), 0);
  EXPECT_EQ(statistics.Of("minilm/1").success.count, 1);
}

TEST(ModelStatisticsTest, AFailureCountsItsTimeAndNoPhase) {
  ModelStatistics statistics;
  statistics.Record("minilm/0", {.ok = false, .total = nanoseconds(5)});
  const ModelCounts counts = statistics.Of("minilm/0");
  EXPECT_EQ(counts.fail.count, 1);
  EXPECT_EQ(counts.fail.time, nanoseconds(5));
  EXPECT_EQ(counts.success.count, 0);
  EXPECT_EQ(counts.queue.count, 0);
  EXPECT_EQ(counts.last.time_since_epoch().count(), 0);
}

TEST(ModelStatisticsTest, ABatchCountsOnceWhateverIsInIt) {
  ModelStatistics statistics;
  for (int i = 0; i < 3; ++i) statistics.Record("minilm/0", Succeeded(3));
  statistics.Record("minilm/0", Succeeded(1));
  EXPECT_EQ(std::lround(statistics.Of("minilm/0").batches), 2);
}

TEST(ModelStatisticsTest, ThreadsRecordAtOnce) {
  ModelStatistics statistics;
  constexpr int kThreads = 4;
  constexpr int kRequests = 1000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kRequests; ++i) {
          statistics.Record("minilm/0", Succeeded(1));
        }
      });
    }
  }
  EXPECT_EQ(statistics.Of("minilm/0").success.count, kThreads * kRequests);
}

}  // namespace
}  // namespace attention
