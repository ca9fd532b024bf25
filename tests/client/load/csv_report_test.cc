// Proves that the CSV report has perf_analyzer's columns to the letter, and the
// right figures in them.
#include "client/load/csv_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kColumns[] =
    "Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,"
    "Client Recv,p50 latency,p90 latency,p95 latency,p99 latency\n";

// The lines after the first, as numbers.
std::vector<std::vector<double>> Rows(const std::string& csv) {
  std::vector<std::vector<double>> rows;
  for (const absl::string_view line : absl::StrSplit(
           csv.substr(csv.find('\n') + 1), '\n', absl::SkipEmpty())) {
    rows.emplace_back();
    for (const absl::string_view cell : absl::StrSplit(line, ',')) {
      double value = -1;
      EXPECT_TRUE(absl::SimpleAtod(cell, &value)) << line;
      rows.back().push_back(value);
    }
    EXPECT_THAT(rows.back(), SizeIs(13)) << line;
  }
  return rows;
}

std::vector<double> Column(const std::vector<std::vector<double>>& rows,
                           std::size_t column) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const std::vector<double>& row : rows) {
    values.push_back(row[column]);
  }
  return values;
}

TEST(CsvReportTest, HasTheColumnsOfPerfAnalyzer) {
  EXPECT_THAT(CsvReport(StepReport()),
              StartsWith(absl::StrCat("Request Rate,", kColumns)));

  Report closed = StepReport();
  closed.step->load = {.arrivals = Arrivals::kClosed, .concurrency = 8};
  const std::string csv = CsvReport(closed);
  EXPECT_THAT(csv, StartsWith(absl::StrCat("Concurrency,", kColumns)));
  EXPECT_EQ(Rows(csv)[0][0], 8);
}

TEST(CsvReportTest, FiguresAreInMicroseconds) {
  const std::vector<double> row = Rows(CsvReport(StepReport())).at(0);

  EXPECT_EQ(row[0], 1002);
  EXPECT_EQ(row[1], 1000);
  EXPECT_THAT(row[9], DoubleNear(4'000, 40));
  EXPECT_THAT(row[10], DoubleNear(6'000, 60));
  EXPECT_THAT(row[11], DoubleNear(8'000, 80));
  EXPECT_THAT(row[12], DoubleNear(20'000, 200));
}

// A server with a deep queue answers all, but not in time.
TEST(CsvReportTest, ThroughputIsOfTheAnswersThatCame) {
  Report report = StepReport();
  report.step->completed = 5'000;

  EXPECT_EQ(Rows(CsvReport(report))[0][1], 500);
}

// One answer that was sent 1 ms late, waited 2 ms and was computed for 5 ms;
// it came 10 ms after it was meant to start, so 2 ms were the network's.
TEST(CsvReportTest, TheTimesOfARequestAddUp) {
  using std::chrono::milliseconds;
  Step step;
  step.load.rate = 2.5;
  step.duration = Seconds(1);
  step.ended[0] = 1;
  step.completed = 1;
  step.latency[0].Record(milliseconds(10));
  step.from_send.Record(milliseconds(9));
  step.server_queue.Record(milliseconds(2));
  step.server_compute.Record(milliseconds(5));
  Report report;
  report.step = step;

  EXPECT_THAT(Rows(CsvReport(report)).at(0),
              ElementsAre(2.5, 1, 1'000, 2'000, 2'000, 0, 5'000, 0, 0, 10'000,
                          10'000, 10'000, 10'000));
}

TEST(CsvReportTest, TimesThatTheServerDoesNotSayAreTheNetworks) {
  using std::chrono::milliseconds;
  Step step;
  step.duration = Seconds(1);
  step.ended[0] = 1;
  step.completed = 1;
  step.latency[0].Record(milliseconds(10));
  step.from_send.Record(milliseconds(9));
  Report report;
  report.step = step;

  const std::vector<double> row = Rows(CsvReport(report)).at(0);
  EXPECT_EQ(row[2], 1'000);
  EXPECT_EQ(row[3], 9'000);
}

TEST(CsvReportTest, StepsAndOverloadsOfASweepAreSortedByThroughput) {
  const auto rows = Rows(CsvReport(SweepReport()));

  EXPECT_THAT(Column(rows, 0), ElementsAre(250, 500, 1000, 2000, 2828, 3364,
                                           4000, 4242, 5656, 11312));
  EXPECT_THAT(Column(rows, 1), ElementsAre(250, 500, 1000, 2000, 2828, 2900,
                                           2900, 2900, 2900, 2900));
}

TEST(CsvReportTest, TurnsOfAComeBeforeThoseOfB) {
  EXPECT_THAT(Column(Rows(CsvReport(ComparisonReport())), 0),
              ElementsAre(1000, 1001, 1002, 800, 800.8, 801.6));
}

TEST(CsvReportTest, LargeRatesKeepTheirDigits) {
  Report report = StepReport();
  report.step->load.rate = 1'234'567;

  EXPECT_EQ(Rows(CsvReport(report))[0][0], 1'234'567);
}

TEST(CsvReportTest, AStepWithoutAnswersIsZeros) {
  Report report;
  report.step = Step{};

  EXPECT_THAT(Rows(CsvReport(report)).at(0), ::testing::Each(0));
}

}  // namespace
}  // namespace attention::load
