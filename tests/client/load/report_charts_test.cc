// Proves that charts show the figures of a report: points at the right loads
// and percentiles, marks at the knee and the objective, gaps where nothing was
// answered.
#include "client/load/report_charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Histogram::Duration kLimit = milliseconds(50);

// The y of the point with a dot at `x`.
double At(const ChartLine& line, double x) {
  for (const ChartPoint& point : line.points) {
    if (!point.label.empty() && std::abs(point.x - x) < 1e-6 * x) {
      return point.y;
    }
  }
  ADD_FAILURE() << line.name << " has no dot at " << x;
  return 0;
}

std::vector<double> Xs(const ChartLine& line) {
  std::vector<double> xs;
  for (const ChartPoint& point : line.points) {
    xs.push_back(point.x);
  }
  return xs;
}

TEST(ReportChartsTest, PercentilesAreAtTheirNines) {
  const Report report = StepReport();
  const Chart chart =
      PercentileChart("title",
                      {{"all", &report.step->Latency(Ending::kAnswered)},
                       {"sent", &report.step->from_send}},
                      kLimit);

  ASSERT_THAT(chart.lines, SizeIs(2));
  EXPECT_THAT(At(chart.lines[0], 2), DoubleNear(4e6, 4e4));
  EXPECT_THAT(At(chart.lines[0], 100), DoubleNear(20e6, 2e5));
  EXPECT_THAT(At(chart.lines[0], 1000), DoubleNear(80e6, 8e5));
  EXPECT_THAT(At(chart.lines[1], 100), DoubleNear(12e6, 1.2e5));
  EXPECT_EQ(chart.lines[0].points.back().x, 10'000);
  EXPECT_LE(chart.y.low, 1.9e6);
  EXPECT_GE(chart.y.high, 250e6);
  ASSERT_THAT(chart.marks, SizeIs(1));
  EXPECT_FALSE(chart.marks[0].is_vertical);
  EXPECT_EQ(chart.marks[0].at, 50e6);
}

TEST(ReportChartsTest, PercentilesNeverFall) {
  const Report report = SweepReport();
  const Chart chart = PercentileChart(
      "title", {{"all", &report.sweep->steps[5].Latency(Ending::kAnswered)}},
      std::nullopt);

  const std::vector<ChartPoint>& points = chart.lines[0].points;
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_GE(points[i].x, points[i - 1].x);
    EXPECT_GE(points[i].y, points[i - 1].y) << points[i].x;
  }
}

TEST(ReportChartsTest, HistogramsOfNothingHaveNoLine) {
  const Histogram nothing;
  const Chart chart = PercentileChart("", {{"nothing", &nothing}}, kLimit);

  EXPECT_THAT(chart.lines, IsEmpty());
  EXPECT_LT(chart.y.low, chart.y.high);
}

TEST(ReportChartsTest, ThroughputIsShownInTheOrderOfLoads) {
  const Chart chart = ThroughputChart(*SweepReport().sweep, kLimit);

  ASSERT_THAT(chart.lines, SizeIs(3));
  const ChartLine& answered = chart.lines[1];
  EXPECT_THAT(Xs(answered), ElementsAre(250, 500, 1000, 2000, 2828, 3364, 4000,
                                        4242, 5656, 11312));
  EXPECT_EQ(At(answered, 2000), 2000);
  EXPECT_EQ(At(answered, 4000), 2900);
  EXPECT_EQ(At(chart.lines[2], 5656), 2400);
  ASSERT_THAT(chart.marks, SizeIs(1));
  EXPECT_EQ(chart.marks[0].at, 2828);
  EXPECT_EQ(chart.marks[0].label, "knee 2,828/s");
}

TEST(ReportChartsTest, TheIdealLineAnswersAllThatIsOffered) {
  const Chart chart = ThroughputChart(*SweepReport().sweep, kLimit);

  for (const ChartPoint& point : chart.lines[0].points) {
    EXPECT_EQ(point.x, point.y);
    EXPECT_LE(point.x, chart.x.high);
    EXPECT_LE(point.y, chart.y.high);
  }
}

TEST(ReportChartsTest, WithoutALimitThereIsNoGoodput) {
  EXPECT_THAT(ThroughputChart(*SweepReport().sweep, std::nullopt).lines,
              SizeIs(2));
}

TEST(ReportChartsTest, WithoutAKneeNothingIsMarked) {
  Sweep sweep = *SweepReport().sweep;
  sweep.knee = -1;

  EXPECT_THAT(ThroughputChart(sweep, kLimit).marks, IsEmpty());
}

TEST(ReportChartsTest, RefusalsHaveALatencyOnlyWhereThereAreAny) {
  Sweep sweep = *SweepReport().sweep;
  const Chart chart = LoadLatencyChart(sweep, kLimit);
  ASSERT_THAT(chart.lines, SizeIs(3));
  const ChartLine& refused = chart.lines[2];
  EXPECT_TRUE(std::isnan(refused.points[0].y));
  EXPECT_GT(At(refused, 5656), 1e6);
  EXPECT_THAT(chart.marks, SizeIs(2));

  sweep.steps.resize(3);
  sweep.overloads.clear();
  sweep.knee = 2;
  EXPECT_THAT(LoadLatencyChart(sweep, kLimit).lines, SizeIs(2));
}

TEST(ReportChartsTest, TheTimelineShowsHowRequestsEnded) {
  const Step step = *StepReport().step;
  const Chart chart = TimelineChart(step);

  ASSERT_THAT(chart.lines, SizeIs(4));
  EXPECT_THAT(chart.lines, Each(Field(&ChartLine::points, SizeIs(10))));
  EXPECT_EQ(chart.lines[0].points[0].y, 1002);
  EXPECT_EQ(chart.lines[1].points[0].y, 1000);
  EXPECT_EQ(chart.lines[2].points[0].y, 1);
  EXPECT_EQ(chart.x.high, 10);
}

TEST(ReportChartsTest, TheTimelineShowsTheAnswersThatCame) {
  Step step = *StepReport().step;
  step.timeline[3].completed = 17;

  EXPECT_EQ(TimelineChart(step).lines[1].points[3].y, 17);
}

// Half a second with half the requests has the same rate.
TEST(ReportChartsTest, APartOfASecondIsDrawnAsARate) {
  Step step;
  step.duration = Seconds(2.5);
  TimelineSecond whole;
  whole.offered = 100;
  whole.completed = 90;
  whole.ended[static_cast<int>(Ending::kRefused)] = 10;
  TimelineSecond half;
  half.offered = 50;
  half.completed = 45;
  half.ended[static_cast<int>(Ending::kRefused)] = 5;
  step.timeline = {whole, whole, half};
  const Chart chart = TimelineChart(step);

  const double rates[] = {100, 90, 10};
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(chart.lines[i].points, Each(Field(&ChartPoint::y, rates[i])));
    EXPECT_THAT(Xs(chart.lines[i]), ElementsAre(0.5, 1.5, 2.25));
  }
}

TEST(ReportChartsTest, SecondsWithoutAnswersInterruptTheLatency) {
  Step step = *StepReport().step;
  step.timeline[3] = {.offered = 1000};
  const Chart chart = TimelineLatencyChart(step, std::nullopt);

  EXPECT_TRUE(std::isnan(chart.lines[0].points[3].y));
  EXPECT_THAT(chart.lines[0].points[4].y, DoubleNear(20e6, 1e6));
}

TEST(ReportChartsTest, AnHourOfSecondsHasNoDots) {
  Step step = *StepReport().step;
  step.timeline.resize(3600, step.timeline[0]);

  for (const Chart& chart :
       {TimelineChart(step), TimelineLatencyChart(step, kLimit)}) {
    for (const ChartLine& line : chart.lines) {
      EXPECT_THAT(line.points, Each(Field(&ChartPoint::label, IsEmpty())));
    }
  }
  EXPECT_THAT(TimelineChart(*StepReport().step).lines[1].points[0].label,
              Not(IsEmpty()));
}

}  // namespace
}  // namespace attention::load
