// Proves that the JSON report is JSON whatever happened, holds the figures that
// went in, in the units that its keys name, and that REPORTS.md has every key.
#include "client/load/json_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using Json = nlohmann::json;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;

Json Parsed(const Report& report) { return Json::parse(JsonReport(report)); }

// All keys of objects, however deep.
void AddKeys(const Json& json, std::set<std::string>& keys) {
  for (const auto& item : json.items()) {
    if (json.is_object()) {
      keys.insert(item.key());
    }
    if (item.value().is_structured()) {
      AddKeys(item.value(), keys);
    }
  }
}

TEST(JsonReportTest, SaysWhatWasRun) {
  const Json json = Parsed(StepReport());

  EXPECT_EQ(json["schema"], "attention-load/1");
  EXPECT_EQ(json["command"], "attention-load run --rate 1002 --duration 10");
  EXPECT_EQ(json["started"], "2026-03-01T12:00:00Z");
  EXPECT_EQ(json["protocol"], "typed");
  EXPECT_EQ(json["environment"][1]["name"], "CPU");
  EXPECT_EQ(json["environment"][1]["value"],
            "AMD EPYC 9R14, 2 cores, AVX512_BF16");
  EXPECT_EQ(json["step"]["load"]["arrivals"], "poisson");
  EXPECT_EQ(json["step"]["load"]["rate_per_s"], 1002);
  EXPECT_EQ(json["step"]["duration_s"], 10);
}

TEST(JsonReportTest, BeginsWithItsSchema) {
  EXPECT_THAT(JsonReport(StepReport()),
              ::testing::StartsWith("{\n  \"schema\": \"attention-load/1\""));
}

TEST(JsonReportTest, HoldsCountsAndRates) {
  const Json step = Parsed(StepReport())["step"];

  EXPECT_EQ(step["offered"], 10'020);
  EXPECT_EQ(step["answered"], 10'000);
  EXPECT_EQ(step["refused"], 12);
  EXPECT_EQ(step["expired"], 3);
  EXPECT_EQ(step["failed"], 1);
  EXPECT_EQ(step["dropped"], 4);
  EXPECT_EQ(step["completed"], 10'000);
  EXPECT_EQ(step["offered_per_s"], 1002);
  EXPECT_EQ(step["answered_per_s"], 1000);
  EXPECT_DOUBLE_EQ(step["error_percent"], 100.0 * 20 / 10'020);
  EXPECT_EQ(step["tokens_per_s"], 15'900);
  EXPECT_EQ(step["bytes_sent_per_s"], 1'500'000);
  EXPECT_EQ(step["bytes_received_per_s"], 1'200'000);
  EXPECT_EQ(step["verified"], 50);
  EXPECT_EQ(step["wrong"], 0);
  EXPECT_EQ(step["client_cores"], 0.35);
  EXPECT_EQ(step["busiest_thread_cores"], 0.2);
}

TEST(JsonReportTest, LatenciesAreInMilliseconds) {
  const Json step = Parsed(StepReport())["step"];
  const Json& answered = step["latency_ms"]["answered"];

  EXPECT_EQ(answered["count"], 10'000);
  EXPECT_THAT(answered["p50"].get<double>(), DoubleNear(4, 0.04));
  EXPECT_THAT(answered["p90"].get<double>(), DoubleNear(6, 0.06));
  EXPECT_THAT(answered["p95"].get<double>(), DoubleNear(8, 0.08));
  EXPECT_THAT(answered["p99"].get<double>(), DoubleNear(20, 0.2));
  EXPECT_THAT(answered["p99.9"].get<double>(), DoubleNear(80, 0.8));
  EXPECT_EQ(answered["p100"], 250);
  EXPECT_THAT(step["latency_ms"]["expired"]["p50"].get<double>(),
              DoubleNear(1000, 10));
  EXPECT_THAT(step["from_send_ms"]["p99"].get<double>(), DoubleNear(12, 0.12));
  EXPECT_THAT(step["send_lag_ms"]["p50"].get<double>(),
              DoubleNear(0.02, 0.0002));
  EXPECT_THAT(step["server_queue_ms"]["p50"].get<double>(),
              DoubleNear(1, 0.01));
  EXPECT_THAT(step["server_compute_ms"]["p50"].get<double>(),
              DoubleNear(1.5, 0.015));
}

TEST(JsonReportTest, HoldsTheTimelineAndWhatWasSaid) {
  Report report = StepReport();
  TimelineSecond second;
  second.offered = 7;
  second.ended[1] = 7;
  second.completed = 3;
  report.step->timeline = {report.step->timeline[0], second};
  const Json step = Parsed(report)["step"];

  ASSERT_EQ(step["timeline"].size(), 2);
  EXPECT_EQ(step["timeline"][0]["second"], 0);
  // A count, and not 7.0.
  EXPECT_TRUE(step["timeline"][1]["offered"].is_number_integer());
  EXPECT_EQ(step["timeline"][1]["offered"], 7);
  EXPECT_EQ(step["timeline"][0]["answered"], 1000);
  EXPECT_THAT(step["timeline"][0]["p99_ms"].get<double>(), DoubleNear(20, 0.2));
  EXPECT_EQ(step["timeline"][1]["refused"], 7);
  EXPECT_EQ(step["timeline"][1]["completed"], 3);
  EXPECT_TRUE(step["timeline"][1]["p50_ms"].is_null());
  EXPECT_EQ(step["messages"].size(), 3);
  EXPECT_EQ(step["messages"][0]["text"],
            "DEADLINE_EXCEEDED: Deadline Exceeded");
  EXPECT_EQ(step["messages"][0]["count"], 3);
}

TEST(JsonReportTest, HoldsObjectivesWithTheirUnits) {
  const Json objectives = Parsed(StepReport())["objectives"];

  EXPECT_EQ(objectives[0]["objective"], "p99=50ms");
  EXPECT_EQ(objectives[0]["limit"], 50);
  EXPECT_EQ(objectives[0]["value"], 20);
  EXPECT_EQ(objectives[0]["unit"], "ms");
  EXPECT_EQ(objectives[0]["held"], true);
  EXPECT_EQ(objectives[1]["unit"], "percent");
  EXPECT_EQ(objectives[1]["held"], false);
}

TEST(JsonReportTest, HoldsASweepInTheOrderOfItsSteps) {
  const Json sweep = Parsed(SweepReport())["sweep"];

  EXPECT_EQ(sweep["knee"], 5);
  EXPECT_EQ(sweep["knee_rate_per_s"], 2828);
  EXPECT_EQ(sweep["steps"].size(), 7);
  EXPECT_EQ(sweep["steps"][4]["load"]["rate_per_s"], 4000);
  EXPECT_EQ(sweep["overloads"][1]["factor"], 2);
  EXPECT_EQ(sweep["overloads"][1]["goodput_per_s"], 2400);
  EXPECT_EQ(sweep["overloads"][1]["recovery_s"], 1.25);
  EXPECT_EQ(sweep["overloads"][1]["step"]["load"]["rate_per_s"], 5656);
  EXPECT_TRUE(sweep["overloads"][2]["recovery_s"].is_null());
}

TEST(JsonReportTest, SaysWhatLimitedASweep) {
  Report report = SweepReport();
  EXPECT_EQ(Parsed(report)["sweep"]["limited_by"], "server");

  report.sweep->limit = Sweep::Limit::kClient;
  EXPECT_EQ(Parsed(report)["sweep"]["limited_by"], "client");

  report.sweep->limit = Sweep::Limit::kMaxRate;
  report.sweep->skipped_overloads = {2, 4};
  const Json sweep = Parsed(report)["sweep"];
  EXPECT_EQ(sweep["limited_by"], "max_rate");
  EXPECT_EQ(sweep["skipped_overloads"], Json({2, 4}));
}

TEST(JsonReportTest, HoldsWhatTheWindowsAfterAnOverloadSaid) {
  const Json windows =
      Parsed(SweepReport())["sweep"]["overloads"][0]["recovery_windows"];

  EXPECT_EQ(windows["count"], 40);
  EXPECT_EQ(windows["invalid"], 1);
  EXPECT_EQ(windows["verified"], 7);
  EXPECT_EQ(windows["wrong"], 0);
  EXPECT_EQ(windows["messages"],
            Json({{{"text", "UNAVAILABLE: gone"}, {"count", 2}}}));
}

TEST(JsonReportTest, ASweepWithoutAKneeHasNull) {
  Report report = SweepReport();
  report.sweep->knee = -1;
  const Json sweep = Parsed(report)["sweep"];

  EXPECT_TRUE(sweep["knee"].is_null());
  EXPECT_TRUE(sweep["knee_rate_per_s"].is_null());
}

TEST(JsonReportTest, HoldsAComparison) {
  const Json comparison = Parsed(ComparisonReport())["comparison"];

  EXPECT_EQ(comparison["a"], "old:8001");
  EXPECT_EQ(comparison["b"], "new:8001");
  EXPECT_EQ(comparison["ratios"][1]["name"], "p50");
  EXPECT_EQ(comparison["ratios"][1]["mean"], 0.8);
  EXPECT_EQ(comparison["ratios"][1]["low"], 0.75);
  EXPECT_EQ(comparison["ratios"][1]["high"], 0.85);
  EXPECT_EQ(comparison["steps_a"].size(), 3);
  EXPECT_EQ(comparison["steps_b"][2]["load"]["arrivals"], "poisson");
}

TEST(JsonReportTest, SaysWhyItIsInvalid) {
  Report report = StepReport();
  report.step->invalid = {{"late"}};
  const Json json = Parsed(report);

  EXPECT_EQ(json["invalid"], Json({"late"}));
  EXPECT_EQ(json["step"]["invalid"], Json({"late"}));
}

TEST(JsonReportTest, AClosedLoopHasAConcurrency) {
  Report report = StepReport();
  report.step->load = {.arrivals = Arrivals::kClosed, .concurrency = 8};

  EXPECT_EQ(Parsed(report)["step"]["load"],
            Json({{"arrivals", "closed"}, {"concurrency", 8}}));
}

TEST(JsonReportTest, WhatIsNotANumberIsNull) {
  Report report;
  report.step = Step{};  // of no duration: its rates are 0 / 0
  report.objectives = {{.objective = {.percent = 99, .limit = 50},
                        .value = std::numeric_limits<double>::infinity()}};
  const std::string text = JsonReport(report);
  const Json json = Json::parse(text);

  EXPECT_TRUE(json["objectives"][0]["value"].is_null());
  EXPECT_TRUE(json["step"]["answered_per_s"].is_null());
  EXPECT_TRUE(json["step"]["latency_ms"]["answered"]["p99"].is_null());
  EXPECT_EQ(json["step"]["latency_ms"]["answered"]["count"], 0);
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, Not(HasSubstr("inf\"")));
}

TEST(JsonReportTest, MessagesNeedNotBeUtf8) {
  Report report = StepReport();
  report.step->messages = {{"broken \xff\xfe \"quoted\"\n", 1}};

  EXPECT_THAT(Parsed(report)["step"]["messages"][0]["text"].get<std::string>(),
              HasSubstr("\"quoted\"\n"));
}

TEST(JsonReportTest, EveryKeyIsDocumented) {
  std::ifstream file(ATTENTION_LOAD_DIR "/REPORTS.md");
  ASSERT_TRUE(file.good()) << ATTENTION_LOAD_DIR "/REPORTS.md";
  std::stringstream documentation;
  documentation << file.rdbuf();
  Report closed = StepReport();
  closed.step->load = {.arrivals = Arrivals::kClosed, .concurrency = 8};
  std::set<std::string> keys;
  for (const Report& report :
       {StepReport(), SweepReport(), ComparisonReport(), closed}) {
    AddKeys(Parsed(report), keys);
  }

  EXPECT_GT(keys.size(), 70);
  for (const std::string& key : keys) {
    EXPECT_THAT(documentation.str(), HasSubstr(absl::StrCat("`", key, "`")));
  }
}

}  // namespace
}  // namespace attention::load
