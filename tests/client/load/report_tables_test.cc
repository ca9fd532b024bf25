// Proves that the tables of reports hold the figures under the right heads,
// whichever report shows them.
#include "client/load/report_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ReportTablesTest, EndingsAreCountedAndHaveTheirOwnLatencies) {
  const ReportTable table = EndingTable(*StepReport().step);

  EXPECT_THAT(table.head,
              ElementsAre("", "requests", "rate", "of offered", "p50", "p99"));
  ASSERT_THAT(table.rows, SizeIs(6));
  EXPECT_THAT(table.rows[0],
              ElementsAre("offered", "10,020", "1,002/s", "100 %", "", ""));
  EXPECT_THAT(table.rows[3], ElementsAre("expired", "3", "0.3/s", "0.03 %",
                                         "1.00 s", "1.00 s"));
  EXPECT_THAT(table.rows[5],
              ElementsAre("dropped", "4", "0.4/s", "0.04 %", "", ""));
}

TEST(ReportTablesTest, ThroughputIsOfTheAnswersThatCame) {
  Report report = StepReport();
  report.step->completed = 5'000;
  EXPECT_EQ(EndingTable(*report.step).rows[1][2], "500/s");

  EXPECT_THAT(ThroughputTable(*report.step).rows,
              ElementsAre(ElementsAre("requests answered", "500/s"),
                          ElementsAre("tokens answered", "15,900/s"),
                          ElementsAre("sent", "1.50 MB/s"),
                          ElementsAre("received", "1.20 MB/s"),
                          ElementsAre("client CPU", "0.35 cores"),
                          ElementsAre("send lag p99", "100 us")));
}

TEST(ReportTablesTest, LoadsAreInOrderAndTheKneeIsMarked) {
  const ReportTable table = LoadTable(*SweepReport().sweep);

  std::vector<std::string> loads;
  for (const auto& row : table.rows) {
    EXPECT_THAT(row, SizeIs(table.head.size()));
    loads.push_back(row.front());
  }
  EXPECT_THAT(loads, ElementsAre("250/s", "500/s", "1,000/s", "2,000/s",
                                 "2,828/s", "3,364/s", "4,000/s"));
  EXPECT_EQ(table.marked_row, 4);
  EXPECT_EQ(table.rows[4].back(), "knee");
  EXPECT_EQ(table.head[3], "errors");
  EXPECT_EQ(table.rows[6][3], "27.50 %");
}

TEST(ReportTablesTest, TheLatenciesPastTheKneeAreThoseOfRefusals) {
  const ReportTable table = OverloadTable(SweepReport().sweep->overloads);

  EXPECT_THAT(table.head,
              ElementsAre("load", "offered", "goodput", "refused",
                          "refusal p50", "refusal p99", "recovery"));
  EXPECT_THAT(table.rows[1], ElementsAre("2 x", "5,656/s", "2,400/s", "2,756/s",
                                         "300 us", "2.08 ms", "1.25 s"));
  EXPECT_EQ(table.rows[2].back(), "never");
}

TEST(ReportTablesTest, TurnsAlternate) {
  Report report = ComparisonReport();
  report.comparison->steps_b.pop_back();
  const ReportTable table = TurnTable(*report.comparison);

  ASSERT_THAT(table.rows, SizeIs(5));
  EXPECT_THAT(table.rows, Each(SizeIs(table.head.size())));
  EXPECT_EQ(table.rows[2][0], "A, turn 2");
  EXPECT_EQ(table.rows[2][1], "1,001/s");
  EXPECT_EQ(table.rows[3][0], "B, turn 2");
  EXPECT_EQ(table.rows[4][0], "A, turn 3");
}

TEST(ReportTablesTest, RatiosHaveIntervals) {
  EXPECT_THAT(RatioTable(*ComparisonReport().comparison).rows,
              Contains(ElementsAre("p50", "0.80", "0.75 to 0.85")));
  EXPECT_THAT(RatioTable(Comparison()).rows, IsEmpty());
}

}  // namespace
}  // namespace attention::load
