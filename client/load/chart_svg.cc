// A line chart as SVG.
#include "client/load/chart_svg.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/html_elements.h"

namespace attention::load {
namespace {

// Room for the labels, in larger type on small screens.
constexpr double kLeft = 66;
constexpr double kRight = 18;
constexpr double kTop = 34;
constexpr double kBottom = 50;

double XOf(const Chart& chart, double value) {
  return kLeft + chart.x.Fraction(value) * (kChartWidth - kLeft - kRight);
}

double YOf(const Chart& chart, double value) {
  return kChartHeight - kBottom -
         chart.y.Fraction(value) * (kChartHeight - kTop - kBottom);
}

const char* ClassOf(LineStyle style) {
  switch (style) {
    case LineStyle::kFirst:
      return "first";
    case LineStyle::kSecond:
      return "second";
    case LineStyle::kThird:
      return "third";
    case LineStyle::kQuiet:
      break;
  }
  return "quiet";
}

// A dot around (x, y), in a shape of its own for each style.
std::string DotShape(LineStyle style, double x, double y) {
  switch (style) {
    case LineStyle::kSecond:
      return absl::StrFormat(R"(M%.1f %.1fh7v7h-7z)", x - 3.5, y - 3.5);
    case LineStyle::kThird:
      return absl::StrFormat(R"(M%.1f %.1fl4.5 8h-9z)", x, y - 5);
    case LineStyle::kFirst:
    case LineStyle::kQuiet:
      break;
  }
  return absl::StrFormat(R"(M%.1f %.1fa3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z)",
                         x - 3.5, y);
}

std::string Text(const char* css_class, const char* anchor, double x, double y,
                 const std::string& text) {
  return absl::StrFormat(
      R"(<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>)"
      "\n",
      css_class, anchor, x, y, HtmlText(text));
}

std::string Line(const char* css_class, double x1, double y1, double x2,
                 double y2) {
  return absl::StrFormat(
      R"(<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>)"
      "\n",
      css_class, x1, y1, x2, y2);
}

std::string Axes(const Chart& chart) {
  const double bottom = kChartHeight - kBottom;
  const double right = kChartWidth - kRight;
  std::string svg;
  for (const Tick& tick : chart.y.ticks) {
    const double y = YOf(chart, tick.at);
    absl::StrAppend(&svg, Line("grid", kLeft, y, right, y),
                    Text("tick", "end", kLeft - 6, y + 4, tick.label));
  }
  for (const Tick& tick : chart.x.ticks) {
    const double x = XOf(chart, tick.at);
    absl::StrAppend(&svg, Line("axis", x, bottom, x, bottom + 4),
                    Text("tick", "middle", x, bottom + 19, tick.label));
  }
  return absl::StrCat(
      svg, Line("axis", kLeft, bottom, right, bottom),
      Text("label", "start", 4, 14, chart.y.label),
      Text("label", "end", right, kChartHeight - 8, chart.x.label));
}

// How far the label of a mark across the chart would be from what is drawn, at
// the left end (0) or at the right end (1).
double Clearance(const Chart& chart, const ChartMark& mark, double end) {
  constexpr double kLabelWidth = 0.35;
  constexpr double kLabelHeight = 0.05;
  double clearance = 1;
  for (const ChartLine& line : chart.lines) {
    for (const ChartPoint& point : line.points) {
      if (std::isfinite(point.y) &&
          std::abs(chart.x.Fraction(point.x) - end) <= kLabelWidth) {
        clearance = std::min(
            clearance, std::abs(chart.y.Fraction(point.y) -
                                chart.y.Fraction(mark.at) - kLabelHeight));
      }
    }
  }
  return clearance;
}

std::string Mark(const Chart& chart, const ChartMark& mark) {
  const double bottom = kChartHeight - kBottom;
  const double right = kChartWidth - kRight;
  if (!mark.is_vertical) {
    const double y = YOf(chart, mark.at);
    const bool is_left = Clearance(chart, mark, 0) >= Clearance(chart, mark, 1);
    return absl::StrCat(
        Line("mark", kLeft, y, right, y),
        Text("mark", is_left ? "start" : "end", is_left ? kLeft + 6 : right - 4,
             y - 6, mark.label));
  }
  const double x = XOf(chart, mark.at);
  const bool is_left = chart.x.Fraction(mark.at) < 0.6;
  return absl::StrCat(Line("mark", x, kTop - 10, x, bottom),
                      Text("mark", is_left ? "start" : "end",
                           is_left ? x + 6 : x - 6, kTop, mark.label));
}

std::string LineOf(const Chart& chart, const ChartLine& line) {
  std::string path;
  std::string dots;
  bool is_interrupted = true;
  for (const ChartPoint& point : line.points) {
    if (!std::isfinite(point.y)) {
      is_interrupted = true;
      continue;
    }
    const double x = XOf(chart, point.x);
    const double y = YOf(chart, point.y);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", is_interrupted ? "M" : "L", x,
                          y);
    is_interrupted = false;
    if (!point.label.empty()) {
      absl::StrAppend(&dots, "<path class=\"dot\" d=\"",
                      DotShape(line.style, x, y), "\"><title>",
                      HtmlText(point.label), "</title></path>\n");
    }
  }
  if (path.empty()) {
    return "";
  }
  return absl::StrCat("<g class=\"", ClassOf(line.style),
                      "\">\n<path class=\"line\" d=\"", path, "\"/>\n", dots,
                      "</g>\n");
}

}  // namespace

std::string ChartSvg(const Chart& chart) {
  std::string svg = absl::StrFormat(
      R"(<svg class="chart" id="%s" role="img" viewBox="0 0 %g %g" )"
      R"(aria-labelledby="%s-title %s-desc">)"
      "\n"
      R"(<title id="%s-title">%s</title>)"
      "\n"
      R"(<desc id="%s-desc">%s</desc>)"
      "\n",
      chart.id, kChartWidth, kChartHeight, chart.id, chart.id, chart.id,
      HtmlText(chart.title), chart.id, HtmlText(chart.description));
  absl::StrAppend(&svg, Axes(chart));
  for (const ChartLine& line : chart.lines) {
    absl::StrAppend(&svg, LineOf(chart, line));
  }
  for (const ChartMark& mark : chart.marks) {
    absl::StrAppend(&svg, Mark(chart, mark));
  }
  return absl::StrCat(svg, "</svg>\n");
}

std::string ChartLegend(const Chart& chart) {
  std::string html = "<ul class=\"legend\">\n";
  for (const ChartLine& line : chart.lines) {
    absl::StrAppend(
        &html,
        R"(<li><svg aria-hidden="true" width="34" height="12"><g class=")",
        ClassOf(line.style), R"("><path class="line" d="M0 6L34 6"/>)",
        line.style == LineStyle::kQuiet
            ? ""
            : absl::StrCat(R"(<path class="dot" d=")",
                           DotShape(line.style, 17, 6), R"("/>)"),
        "</g></svg> ", HtmlText(line.name), "</li>\n");
  }
  return absl::StrCat(html, "</ul>\n");
}

}  // namespace attention::load
