// Ratios with their confidence intervals as SVG.
#include "client/load/forest_svg.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/chart_axis.h"
#include "client/load/chart_svg.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"
#include "client/load/html_elements.h"

namespace attention::load {
namespace {

constexpr double kMargin = 24;
constexpr double kTop = 12;
constexpr double kRowHeight = 64;
constexpr double kBottom = 50;

double XOf(const Axis& axis, double ratio) {
  return kMargin + axis.Fraction(ratio) * (kChartWidth - 2 * kMargin);
}

struct Look {
  const char* css_class;
  const char* word;
};

Look LookOf(const Ratio& ratio) {
  switch (EffectOf(ratio)) {
    case Effect::kBetter:
      return {"first", "B is faster"};
    case Effect::kWorse:
      return {"second", "B is slower"};
    case Effect::kNone:
      break;
  }
  return {"quiet", "no difference shown"};
}

// A line across the interval of a row, which leaves its text alone.
std::string LineOf(const char* css_class, double x, double top) {
  return absl::StrFormat(
      R"(<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>)"
      "\n",
      css_class, x, top + 24, x, top + 56);
}

std::string RowOf(const Axis& axis, const Ratio& ratio, double top) {
  const Look look = LookOf(ratio);
  const double y = top + 40;
  return absl::StrFormat(
      R"(<text class="row" x="%.1f" y="%.1f">%s</text>)"
      "\n"
      R"(<text class="label" text-anchor="end" x="%.1f" y="%.1f">)"
      "%s (%s): %s</text>\n"
      R"(<g class="%s"><path class="interval" )"
      R"(d="M%.1f %.1fV%.1fM%.1f %.1fH%.1fM%.1f %.1fV%.1f"/>)"
      R"(<circle class="mean" cx="%.1f" cy="%.1f" r="6"/></g>)"
      "\n",
      kMargin, top + 16, HtmlText(ratio.name), kChartWidth - kMargin, top + 16,
      RatioText(ratio.mean), IntervalText(ratio), look.word, look.css_class,
      XOf(axis, ratio.low), y - 6, y + 6, XOf(axis, ratio.low), y,
      XOf(axis, ratio.high), XOf(axis, ratio.high), y - 6, y + 6,
      XOf(axis, ratio.mean), y);
}

}  // namespace

std::string ForestSvg(const Comparison& comparison) {
  double low = 1;
  double high = 1;
  std::string description;
  for (const Ratio& ratio : comparison.ratios) {
    low = std::min(low, ratio.low);
    high = std::max(high, ratio.high);
    absl::StrAppend(&description, Verdict(comparison, ratio), " ");
  }
  const Axis axis = RatioAxis("B / A", low, high);
  const double bottom =
      kTop + kRowHeight * static_cast<double>(comparison.ratios.size());
  std::string svg = absl::StrFormat(
      R"(<svg class="chart" id="ratios" role="img" viewBox="0 0 %g %g" )"
      R"(aria-labelledby="ratios-title ratios-desc">)"
      "\n"
      R"(<title id="ratios-title">Ratios B / A with 95 %% intervals</title>)"
      "\n"
      R"(<desc id="ratios-desc">%s</desc>)"
      "\n",
      kChartWidth, bottom + kBottom, HtmlText(description));
  for (const Tick& tick : axis.ticks) {
    absl::StrAppendFormat(
        &svg,
        R"(<text class="tick" text-anchor="middle" x="%.1f" y="%.1f">%s</text>)"
        "\n",
        XOf(axis, tick.at), bottom + 19, tick.label);
  }
  absl::StrAppendFormat(
      &svg,
      R"(<text class="label" text-anchor="end" x="%.1f" y="%.1f">%s</text>)"
      "\n",
      kChartWidth - kMargin, bottom + 42, axis.label);
  double top = kTop;
  for (const Ratio& ratio : comparison.ratios) {
    for (const Tick& tick : axis.ticks) {
      absl::StrAppend(&svg, LineOf("grid", XOf(axis, tick.at), top));
    }
    absl::StrAppend(&svg, LineOf("mark", XOf(axis, 1), top),
                    RowOf(axis, ratio, top));
    top += kRowHeight;
  }
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace attention::load
