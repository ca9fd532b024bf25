// The charts that reports are shown with.
#include "client/load/report_charts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

constexpr LineStyle kStyles[] = {LineStyle::kFirst, LineStyle::kSecond,
                                 LineStyle::kThird};
// Interrupts a line where there is nothing to show.
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
// Percentiles that have a dot.
constexpr double kPercentiles[] = {50, 90, 99, 99.9, 99.99};
constexpr int kPointsPerDecade = 24;
// More dots than this would hide the line.
constexpr std::size_t kMostDots = 90;

double Nanoseconds(Histogram::Duration duration) {
  return static_cast<double>(duration.count());
}

// An axis for all points of `lines` and for `limit`.
Axis AxisOfLatency(const std::vector<ChartLine>& lines,
                   std::optional<Histogram::Duration> limit) {
  double low = limit.has_value() ? Nanoseconds(*limit)
                                 : std::numeric_limits<double>::infinity();
  double high = limit.has_value() ? Nanoseconds(*limit) : 0;
  for (const ChartLine& line : lines) {
    for (const ChartPoint& point : line.points) {
      if (std::isfinite(point.y)) {
        low = std::min(low, point.y);
        high = std::max(high, point.y);
      }
    }
  }
  if (high == 0) {
    low = high = 1e6;
  }
  return DurationAxis("latency", Histogram::Duration(std::llround(low)),
                      Histogram::Duration(std::llround(high)));
}

void MarkLimit(std::optional<Histogram::Duration> limit, Chart& chart) {
  if (limit.has_value()) {
    chart.marks.push_back(
        {.is_vertical = false,
         .at = Nanoseconds(*limit),
         .label = absl::StrCat("objective ", DurationText(*limit))});
  }
}

ChartPoint LatencyPoint(double x, const std::string& where,
                        const char* percentile, const Histogram& histogram,
                        double percent) {
  if (histogram.count() == 0) {
    return {.x = x, .y = kNothing};
  }
  const Histogram::Duration latency = histogram.Percentile(percent);
  return {.x = x,
          .y = Nanoseconds(latency),
          .label = absl::StrCat(where, ": ", percentile, " ",
                                DurationText(latency))};
}

ChartLine PercentileLine(const NamedHistogram& named, LineStyle style) {
  const Histogram& histogram = *named.histogram;
  ChartLine line = {.name = named.name, .style = style};
  const double count = static_cast<double>(histogram.count());
  const double end = std::clamp(count, 1.0, 1e5);
  line.points.push_back({.x = 1, .y = Nanoseconds(histogram.min())});
  for (int i = 1;; ++i) {
    const double x = std::pow(10, static_cast<double>(i) / kPointsPerDecade);
    if (x >= end) {
      break;
    }
    line.points.push_back(
        {.x = x, .y = Nanoseconds(histogram.Percentile(100 * (1 - 1 / x)))});
  }
  if (count <= 1e5) {
    line.points.push_back({.x = end, .y = Nanoseconds(histogram.max())});
  }
  for (const double percent : kPercentiles) {
    const double x = 1 / (1 - percent / 100);
    if (x <= end) {
      const Histogram::Duration latency = histogram.Percentile(percent);
      line.points.push_back(
          {.x = x,
           .y = Nanoseconds(latency),
           .label = absl::StrFormat("%s: p%g %s", named.name, percent,
                                    DurationText(latency))});
    }
  }
  std::sort(line.points.begin(), line.points.end(),
            [](const ChartPoint& a, const ChartPoint& b) {
              return std::pair(a.x, a.y) < std::pair(b.x, b.y);
            });
  return line;
}

// A step of a sweep at the load that was offered.
struct LoadPoint {
  double offered = 0;
  const Step* step = nullptr;
  std::optional<double> goodput{};
};

std::vector<LoadPoint> PointsOf(const Sweep& sweep,
                                std::optional<Histogram::Duration> limit) {
  std::vector<LoadPoint> points;
  for (const Step& step : sweep.steps) {
    points.push_back({step.OfferedRate(), &step, std::nullopt});
    if (limit.has_value()) {
      points.back().goodput = Goodput(step, limit);
    }
  }
  for (const Overload& overload : sweep.overloads) {
    points.push_back(
        {overload.step.OfferedRate(), &overload.step, overload.goodput});
  }
  std::sort(points.begin(), points.end(),
            [](const LoadPoint& a, const LoadPoint& b) {
              return std::pair(a.offered, a.step->AnsweredRate()) <
                     std::pair(b.offered, b.step->AnsweredRate());
            });
  return points;
}

void MarkKnee(const Sweep& sweep, Chart& chart) {
  if (sweep.knee >= 0) {
    const Step& knee = sweep.steps[static_cast<std::size_t>(sweep.knee)];
    chart.marks.push_back(
        {.at = knee.OfferedRate(),
         .label = absl::StrCat("knee ", RateText(knee.load.rate))});
  }
}

// Of a second of the timeline; the last one may be shorter.
double LengthOf(const Step& step, std::size_t second) {
  const double left = step.duration.count() - static_cast<double>(second);
  return left > 0 ? std::min(left, 1.0) : 1;
}

// A second is drawn in its middle.
double MiddleOf(const Step& step, std::size_t second) {
  return static_cast<double>(second) + LengthOf(step, second) / 2;
}

// What `count` says of each second, as a rate.
ChartLine RateLine(const Step& step, const std::string& name, LineStyle style,
                   std::int64_t (*count)(const TimelineSecond&)) {
  ChartLine line = {.name = name, .style = style};
  for (std::size_t i = 0; i < step.timeline.size(); ++i) {
    const double rate =
        static_cast<double>(count(step.timeline[i])) / LengthOf(step, i);
    line.points.push_back({.x = MiddleOf(step, i), .y = rate});
    if (step.timeline.size() <= kMostDots && style != LineStyle::kQuiet) {
      line.points.back().label =
          absl::StrCat("second ", i + 1, ": ", RateText(rate), " ", name);
    }
  }
  return line;
}

std::int64_t CountOf(const TimelineSecond& second, Ending ending) {
  return second.ended[static_cast<int>(ending)];
}

}  // namespace

Chart PercentileChart(const std::string& title,
                      const std::vector<NamedHistogram>& histograms,
                      std::optional<Histogram::Duration> limit) {
  Chart chart = {
      .id = "percentiles",
      .title = title,
      .description = "Latency by percentile, both on logarithmic scales."};
  std::int64_t most = 1;
  for (const NamedHistogram& named : histograms) {
    if (named.histogram->count() > 0) {
      most = std::max(most, named.histogram->count());
      chart.lines.push_back(
          PercentileLine(named, kStyles[chart.lines.size() % 3]));
      absl::StrAppend(&chart.description, " ", named.name, ": p50 ",
                      DurationText(named.histogram->Percentile(50)), ", p99 ",
                      DurationText(named.histogram->Percentile(99)), ".");
    }
  }
  chart.x = PercentileAxis("percentile", most);
  chart.y = AxisOfLatency(chart.lines, limit);
  MarkLimit(limit, chart);
  return chart;
}

Chart ThroughputChart(const Sweep& sweep,
                      std::optional<Histogram::Duration> limit) {
  ChartLine answered = {.name = "answered", .style = LineStyle::kFirst};
  ChartLine goodput = {.name = "answered within the objective",
                       .style = LineStyle::kSecond};
  double most_offered = 0;
  double most_answered = 0;
  for (const LoadPoint& point : PointsOf(sweep, limit)) {
    const double rate = point.step->AnsweredRate();
    const std::string where = absl::StrCat("offered ", RateText(point.offered));
    answered.points.push_back(
        {.x = point.offered,
         .y = rate,
         .label = absl::StrCat(where, ": answered ", RateText(rate))});
    if (point.goodput.has_value()) {
      goodput.points.push_back(
          {.x = point.offered,
           .y = *point.goodput,
           .label = absl::StrCat(where, ": within the objective ",
                                 RateText(*point.goodput))});
    }
    most_offered = std::max(most_offered, point.offered);
    most_answered = std::max(most_answered, rate);
  }
  Chart chart = {.id = "throughput",
                 .title = "Throughput against offered load",
                 .description = Headline(sweep, {}),
                 .x = LinearAxis("offered requests/s", most_offered),
                 .y = LinearAxis("answered/s", most_answered * 1.05)};
  const double corner = std::min(chart.x.high, chart.y.high);
  chart.lines = {{.name = "all that is offered",
                  .style = LineStyle::kQuiet,
                  .points = {{.x = 0, .y = 0}, {.x = corner, .y = corner}}},
                 std::move(answered)};
  if (limit.has_value()) {
    chart.lines.push_back(std::move(goodput));
  }
  MarkKnee(sweep, chart);
  return chart;
}

Chart LoadLatencyChart(const Sweep& sweep,
                       std::optional<Histogram::Duration> limit) {
  ChartLine p50 = {.name = "answered p50", .style = LineStyle::kSecond};
  ChartLine p99 = {.name = "answered p99", .style = LineStyle::kFirst};
  ChartLine refused = {.name = "refused p99", .style = LineStyle::kThird};
  double most = 0;
  bool any_refused = false;
  for (const LoadPoint& point : PointsOf(sweep, limit)) {
    const Histogram& answered = point.step->Latency(Ending::kAnswered);
    const Histogram& refusals = point.step->Latency(Ending::kRefused);
    const std::string where = absl::StrCat("offered ", RateText(point.offered));
    p50.points.push_back(
        LatencyPoint(point.offered, where, "p50", answered, 50));
    p99.points.push_back(
        LatencyPoint(point.offered, where, "p99", answered, 99));
    refused.points.push_back(
        LatencyPoint(point.offered, where, "refused p99", refusals, 99));
    any_refused = any_refused || refusals.count() > 0;
    most = std::max(most, point.offered);
  }
  Chart chart = {.id = "load-latency",
                 .title = "Latency against offered load",
                 .description =
                     "p50 and p99 of the answered, and p99 of the "
                     "refused, on a logarithmic scale.",
                 .x = LinearAxis("offered requests/s", most)};
  chart.lines = {std::move(p99), std::move(p50)};
  if (any_refused) {
    chart.lines.push_back(std::move(refused));
  }
  chart.y = AxisOfLatency(chart.lines, limit);
  MarkLimit(limit, chart);
  MarkKnee(sweep, chart);
  return chart;
}

Chart TimelineChart(const Step& step) {
  Chart chart = {
      .id = "timeline",
      .title = "Requests, second by second",
      .description = "What was offered, answered and refused in each second.",
      .x = LinearAxis("seconds", static_cast<double>(step.timeline.size()))};
  chart.lines = {
      RateLine(step, "offered", LineStyle::kQuiet,
               [](const TimelineSecond& second) { return second.offered; }),
      RateLine(step, "answered", LineStyle::kFirst,
               [](const TimelineSecond& second) { return second.completed; }),
      RateLine(step, "refused", LineStyle::kSecond,
               [](const TimelineSecond& second) {
                 return CountOf(second, Ending::kRefused);
               })};
  if (step.Ended(Ending::kExpired) + step.Ended(Ending::kFailed) > 0) {
    chart.lines.push_back(RateLine(step, "expired or failed", LineStyle::kThird,
                                   [](const TimelineSecond& second) {
                                     return CountOf(second, Ending::kExpired) +
                                            CountOf(second, Ending::kFailed);
                                   }));
  }
  double most = 0;
  for (const ChartLine& line : chart.lines) {
    for (const ChartPoint& point : line.points) {
      most = std::max(most, point.y);
    }
  }
  chart.y = LinearAxis("requests/s", most * 1.05);
  return chart;
}

Chart TimelineLatencyChart(const Step& step,
                           std::optional<Histogram::Duration> limit) {
  ChartLine p50 = {.name = "p50", .style = LineStyle::kSecond};
  ChartLine p99 = {.name = "p99", .style = LineStyle::kFirst};
  for (std::size_t i = 0; i < step.timeline.size(); ++i) {
    const TimelineSecond& second = step.timeline[i];
    const bool is_empty =
        second.ended[static_cast<int>(Ending::kAnswered)] == 0;
    const auto add = [&](Histogram::Duration latency, ChartLine& line) {
      line.points.push_back({.x = MiddleOf(step, i),
                             .y = is_empty ? kNothing : Nanoseconds(latency)});
      if (step.timeline.size() <= kMostDots) {
        line.points.back().label = absl::StrCat(
            "second ", i + 1, ": ", line.name, " ", DurationText(latency));
      }
    };
    add(second.p50, p50);
    add(second.p99, p99);
  }
  Chart chart = {
      .id = "timeline-latency",
      .title = "Latency, second by second",
      .description =
          "p50 and p99 of the answered in each second, on a "
          "logarithmic scale.",
      .x = LinearAxis("seconds", static_cast<double>(step.timeline.size()))};
  chart.lines = {std::move(p99), std::move(p50)};
  chart.y = AxisOfLatency(chart.lines, limit);
  MarkLimit(limit, chart);
  return chart;
}

}  // namespace attention::load
