// Proves that the statistics follow the rules that perf_analyzer has for them:
// counts of all phases grow together, both names of a model count the same, and
// the version is a number.
#include "server/inference/statistics.h"

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::inference::ModelStatistics;
using ::inference::ModelStatisticsResponse;
using ::inference::StatisticDuration;
using ::testing::ElementsAre;

// Three sequences in a batch with `batch_requests` requests.
RequestTimes Succeeded(std::int64_t batch_requests) {
  return {.ok = true,
          .total = std::chrono::nanoseconds(100),
          .input = std::chrono::nanoseconds(10),
          .queue = std::chrono::nanoseconds(20),
          .compute = std::chrono::nanoseconds(30),
          .output = std::chrono::nanoseconds(40),
          .sequences = 3,
          .batch_requests = batch_requests};
}

ModelStatisticsResponse Ask(const Catalog& catalog, const std::string& name) {
  ::inference::ModelStatisticsRequest request;
  request.set_name(name);
  ModelStatisticsResponse response;
  const absl::Status status =
      DescribeStatistics(catalog.context(), request, response);
  EXPECT_TRUE(status.ok()) << status;
  return response;
}

ModelStatistics AskOne(const Catalog& catalog, const std::string& name) {
  const ModelStatisticsResponse response = Ask(catalog, name);
  EXPECT_EQ(response.model_stats_size(), 1);
  return response.model_stats(0);
}

// {count, nanoseconds}.
std::vector<std::uint64_t> Pair(const StatisticDuration& duration) {
  return {duration.count(), duration.ns()};
}

TEST(StatisticsTest, PhasesOfRequestsAreCountedTogether) {
  Catalog catalog;
  for (int i = 0; i < 4; ++i) {
    catalog.statistics().Record("bert/0", Succeeded(2));
  }
  catalog.statistics().Record(
      "bert/0", {.ok = false, .total = std::chrono::nanoseconds(7)});
  const ModelStatistics model = AskOne(catalog, "bert/0");
  EXPECT_EQ(model.name(), "bert/0");
  EXPECT_EQ(model.version(), "1");
  EXPECT_EQ(model.inference_count(), 12u);
  EXPECT_EQ(model.execution_count(), 2u);
  const ::inference::InferStatistics& stats = model.inference_stats();
  EXPECT_THAT(Pair(stats.success()), ElementsAre(4, 400));
  EXPECT_THAT(Pair(stats.fail()), ElementsAre(1, 7));
  EXPECT_THAT(Pair(stats.queue()), ElementsAre(4, 80));
  EXPECT_THAT(Pair(stats.compute_input()), ElementsAre(4, 40));
  EXPECT_THAT(Pair(stats.compute_infer()), ElementsAre(4, 120));
  EXPECT_THAT(Pair(stats.compute_output()), ElementsAre(4, 160));
  EXPECT_TRUE(stats.has_cache_hit());
  EXPECT_TRUE(stats.has_cache_miss());
}

TEST(StatisticsTest, TheLastInferenceIsInMillisecondsSinceTheEpoch) {
  const auto now = [] {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::system_clock::now().time_since_epoch())
            .count());
  };
  Catalog catalog;
  const std::uint64_t before = now();
  catalog.statistics().Record("sdpa", Succeeded(1));
  const std::uint64_t last = AskOne(catalog, "sdpa").last_inference();
  EXPECT_GE(last, before);
  EXPECT_LE(last, now());
}

TEST(StatisticsTest, ThereIsABatchAsSoonAsThereIsARequest) {
  Catalog catalog;
  EXPECT_EQ(AskOne(catalog, "bert/0").execution_count(), 0u);
  catalog.statistics().Record("bert/0", Succeeded(10));
  EXPECT_EQ(AskOne(catalog, "bert/0").execution_count(), 1u);
  // Ten tenths, whose sum in floating point is not 1.
  for (int i = 1; i < 30; ++i) {
    catalog.statistics().Record("bert/0", Succeeded(10));
  }
  EXPECT_EQ(AskOne(catalog, "bert/0").execution_count(), 3u);
}

TEST(StatisticsTest, BothNamesOfAModelCountTheSame) {
  Catalog catalog;
  catalog.statistics().Record("bert/0", Succeeded(1));
  ModelStatistics weights = AskOne(catalog, "bert/0@weights");
  EXPECT_EQ(weights.name(), "bert/0@weights");
  EXPECT_EQ(weights.inference_count(), 3u);
  weights.set_name("bert/0");
  EXPECT_EQ(weights.SerializeAsString(),
            AskOne(catalog, "bert/0").SerializeAsString());
}

TEST(StatisticsTest, WithoutANameAllModelsAreThere) {
  Catalog catalog;
  catalog.statistics().Record("cross", Succeeded(1));
  std::vector<std::string> names;
  std::vector<std::uint64_t> counts;
  const ModelStatisticsResponse all = Ask(catalog, "");
  for (const ModelStatistics& model : all.model_stats()) {
    EXPECT_EQ(model.version(), "1");
    names.push_back(model.name());
    counts.push_back(model.inference_stats().success().count());
  }
  EXPECT_THAT(
      names, ElementsAre("sdpa", "sdpa@weights", "bert/0", "bert/0@weights",
                         "bert/1", "bert/1@weights", "cross", "cross@weights"));
  EXPECT_THAT(counts, ElementsAre(0, 0, 0, 0, 0, 0, 1, 1));
}

TEST(StatisticsTest, WeightsTakeMemory) {
  const Catalog catalog;
  const ModelStatistics model = AskOne(catalog, "bert/0");
  ASSERT_EQ(model.memory_usage_size(), 1);
  EXPECT_EQ(model.memory_usage(0).type(), "CPU");
  EXPECT_EQ(model.memory_usage(0).byte_size(), 256u * sizeof(float));
  EXPECT_EQ(AskOne(catalog, "sdpa").memory_usage_size(), 0);
}

TEST(StatisticsTest, UnknownModelsAndVersionsAreNotFound) {
  const Catalog catalog;
  ::inference::ModelStatisticsRequest request;
  ModelStatisticsResponse response;
  request.set_name("nobody");
  EXPECT_EQ(DescribeStatistics(catalog.context(), request, response).code(),
            absl::StatusCode::kNotFound);
  request.set_name("bert/0");
  request.set_version("2");
  EXPECT_EQ(DescribeStatistics(catalog.context(), request, response).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(response.model_stats_size(), 0);
}

// A model that is loaded again goes on counting.
TEST(StatisticsTest, CountsOutliveTheModel) {
  Catalog catalog;
  catalog.statistics().Record("cross", Succeeded(1));
  ASSERT_TRUE(catalog.context().models.Unload("cross").ok());
  EXPECT_EQ(Ask(catalog, "").model_stats_size(), 6);
  std::promise<absl::Status> loaded;
  catalog.context().models.Load("cross", [&](absl::Status status) {
    loaded.set_value(std::move(status));
  });
  ASSERT_TRUE(loaded.get_future().get().ok());
  EXPECT_EQ(AskOne(catalog, "cross").inference_count(), 3u);
}

}  // namespace
}  // namespace attention::oip
