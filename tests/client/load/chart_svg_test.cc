// Proves that charts put points where the axes say, interrupt lines where there
// is nothing, and escape what they are told to write.
#include "client/load/chart_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace attention::load {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two points, from the lower left corner of the drawing to the upper right.
Chart Diagonal() {
  return {.id = "chart",
          .title = "A title",
          .description = "What it shows.",
          .x = LinearAxis("load", 10),
          .y = LinearAxis("answers", 20),
          .lines = {{.name = "line",
                     .points = {{.x = 0, .y = 0, .label = "nothing"},
                                {.x = 10, .y = 20, .label = "everything"}}}}};
}

TEST(ChartSvgTest, PointsAreWhereTheAxesSay) {
  EXPECT_THAT(ChartSvg(Diagonal()),
              HasSubstr("<path class=\"line\" d=\"M66.0 250.0L502.0 34.0\"/>"));
}

TEST(ChartSvgTest, DotsSayWhatTheyAre) {
  const std::string svg = ChartSvg(Diagonal());

  EXPECT_THAT(svg, HasSubstr("<title>nothing</title>"));
  EXPECT_THAT(svg, HasSubstr("<title>everything</title>"));
}

TEST(ChartSvgTest, PointsWithoutALabelHaveNoDot) {
  Chart chart = Diagonal();
  for (ChartPoint& point : chart.lines[0].points) {
    point.label.clear();
  }

  EXPECT_THAT(ChartSvg(chart), Not(HasSubstr("class=\"dot\"")));
}

TEST(ChartSvgTest, LinesAreInterruptedWhereThereIsNothing) {
  Chart chart = Diagonal();
  chart.lines[0].points = {
      {.x = 0, .y = 0}, {.x = 5, .y = std::nan("")}, {.x = 10, .y = 20}};

  EXPECT_THAT(ChartSvg(chart), HasSubstr("d=\"M66.0 250.0M502.0 34.0\""));
}

TEST(ChartSvgTest, ALineWithoutPointsIsNotDrawn) {
  Chart chart = Diagonal();
  chart.lines[0].points.clear();
  const std::string svg = ChartSvg(chart);

  EXPECT_THAT(svg, Not(HasSubstr("class=\"line\"")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(ChartSvgTest, IsNamedForThoseWhoDoNotSeeIt) {
  const std::string svg = ChartSvg(Diagonal());

  EXPECT_THAT(svg, HasSubstr("role=\"img\""));
  EXPECT_THAT(svg, HasSubstr("aria-labelledby=\"chart-title chart-desc\""));
  EXPECT_THAT(svg, HasSubstr("<title id=\"chart-title\">A title</title>"));
  EXPECT_THAT(svg, HasSubstr("<desc id=\"chart-desc\">What it shows.</desc>"));
}

TEST(ChartSvgTest, MarksAreLabelledOnTheSideThatIsFree) {
  Chart chart = Diagonal();
  chart.marks = {{.is_vertical = false, .at = 18, .label = "limit"},
                 {.at = 2, .label = "early"},
                 {.at = 9, .label = "late"}};
  const std::string svg = ChartSvg(chart);

  EXPECT_THAT(svg, HasSubstr("text-anchor=\"start\" x=\"72.0\" y=\"49.6\">"
                             "limit</text>"));
  EXPECT_THAT(svg, HasSubstr("text-anchor=\"start\" x=\"159.2\""));
  EXPECT_THAT(svg, HasSubstr("text-anchor=\"end\" x=\"452.4\""));

  chart.marks[0].at = 2;
  EXPECT_THAT(ChartSvg(chart), HasSubstr("text-anchor=\"end\" x=\"498.0\" "
                                         "y=\"222.4\">limit</text>"));
}

TEST(ChartSvgTest, StylesDifferInMoreThanColour) {
  Chart chart = Diagonal();
  chart.lines[0].style = LineStyle::kSecond;
  EXPECT_THAT(ChartSvg(chart), HasSubstr("<g class=\"second\">"));
  const std::string square = ChartLegend(chart);
  chart.lines[0].style = LineStyle::kThird;
  const std::string triangle = ChartLegend(chart);

  EXPECT_THAT(square, HasSubstr("h7v7h-7z"));
  EXPECT_THAT(triangle, Not(HasSubstr("h7v7h-7z")));
}

TEST(ChartSvgTest, EverythingIsEscaped) {
  const std::string hostile = "</svg><script>";
  Chart chart = Diagonal();
  chart.title = chart.description = chart.x.label = chart.y.label = hostile;
  chart.x.ticks[0].label = hostile;
  chart.lines[0].name = chart.lines[0].points[0].label = hostile;
  chart.marks = {{.at = 1, .label = hostile}};

  EXPECT_THAT(ChartSvg(chart) + ChartLegend(chart), Not(HasSubstr("<script>")));
}

}  // namespace
}  // namespace attention::load
