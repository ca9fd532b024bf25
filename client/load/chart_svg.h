// A line chart as SVG.
#ifndef CLIENT_LOAD_CHART_SVG_H_
#define CLIENT_LOAD_CHART_SVG_H_

#include <string>
#include <vector>

#include "client/load/chart_axis.h"

namespace attention::load {

struct ChartPoint {
  double x = 0;
  double y = 0;         // NaN: the line is interrupted
  std::string label{};  // shown when pointed at; without one there is no dot
};

// Lines differ in colour, dashes and dots, so that no colour need be seen.
enum class LineStyle : std::uint8_t { kFirst, kSecond, kThird, kQuiet };

struct ChartLine {
  std::string name{};
  LineStyle style = LineStyle::kFirst;
  std::vector<ChartPoint> points{};
};

// A line across the chart at a value worth seeing.
struct ChartMark {
  bool is_vertical = true;
  double at = 0;
  std::string label{};
};

// The size of its drawing area; it scales to the width of the page.
inline constexpr double kChartWidth = 520;
inline constexpr double kChartHeight = 300;

struct Chart {
  std::string id{};  // of the element; unique in the page
  std::string title{};
  std::string description{};  // for those who do not see it
  Axis x{};
  Axis y{};
  std::vector<ChartLine> lines{};
  std::vector<ChartMark> marks{};
};

// An <svg>. Colours and dashes come from the page's style sheet.
std::string ChartSvg(const Chart& chart);

// A list of the lines' names, each after a piece of it.
std::string ChartLegend(const Chart& chart);

}  // namespace attention::load

#endif  // CLIENT_LOAD_CHART_SVG_H_
