// Axes of charts: what part of a quantity is shown, and where it is labelled.
#include "client/load/chart_axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

// What axes are labelled at, times powers of ten.
constexpr double kRound[] = {1, 2, 5};
// Floating-point noise is no reason for another tick.
constexpr double kNoise = 1e-9;

// The round number at or above `value`.
double RoundUp(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  for (const double digit : kRound) {
    if (digit * decade >= value * (1 - kNoise)) {
      return digit * decade;
    }
  }
  return 10 * decade;
}

// The same for the other side.
double RoundDown(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  double result = decade;
  for (const double digit : kRound) {
    if (digit * decade <= value * (1 + kNoise)) {
      result = digit * decade;
    }
  }
  return result;
}

// Round numbers in the range; only powers of ten when it is wide.
std::vector<double> LogTicks(double low, double high) {
  const double decades = std::log10(high / low);
  const int stride = decades > 7 ? 2 : 1;
  std::vector<double> ticks;
  int index = 0;
  for (double exponent = std::floor(std::log10(low) + kNoise);
       std::pow(10, exponent) <= high * (1 + kNoise); ++exponent, ++index) {
    for (const double digit : kRound) {
      const double at = digit * std::pow(10, exponent);
      const bool is_wanted =
          decades > 2 ? digit == 1 && index % stride == 0 : true;
      if (is_wanted && at >= low * (1 - kNoise) && at <= high * (1 + kNoise)) {
        ticks.push_back(at);
      }
    }
  }
  return ticks;
}

std::string ShortDuration(double nanoseconds) {
  if (nanoseconds < 0.9995e6) {
    return absl::StrFormat("%g us", nanoseconds / 1e3);
  }
  return nanoseconds < 0.9995e9 ? absl::StrFormat("%g ms", nanoseconds / 1e6)
                                : absl::StrFormat("%g s", nanoseconds / 1e9);
}

}  // namespace

double Axis::Fraction(double value) const {
  const double fraction =
      is_log ? std::log(std::max(value, low) / low) / std::log(high / low)
             : (value - low) / (high - low);
  return std::clamp(fraction, 0.0, 1.0);
}

Axis LinearAxis(const std::string& label, double high) {
  high = std::isfinite(high) && high > 0 ? high : 1;
  Axis axis = {.label = label};
  // A quarter of ten is round enough between a fifth and a half.
  const double rounded = RoundUp(high / 5);
  const double step =
      rounded / 2 >= high / 5 * (1 - kNoise) ? rounded / 2 : rounded;
  const int steps = static_cast<int>(std::ceil(high / step - kNoise));
  for (int i = 0; i <= steps; ++i) {
    axis.ticks.push_back({i * step, NumberText(i * step)});
  }
  axis.high = steps * step;
  return axis;
}

Axis DurationAxis(const std::string& label, Histogram::Duration low,
                  Histogram::Duration high) {
  const double least = std::max<double>(1, static_cast<double>(low.count()));
  const double most = static_cast<double>(high.count());
  Axis axis = {.label = label, .is_log = true, .low = RoundDown(least)};
  axis.high = std::max(RoundUp(std::max(most, least)), 2 * axis.low);
  for (const double at : LogTicks(axis.low, axis.high)) {
    axis.ticks.push_back({at, ShortDuration(at)});
  }
  return axis;
}

Axis RatioAxis(const std::string& label, double low, double high) {
  // Room for a ratio of 1 that has no interval.
  Axis axis = {.label = label,
               .is_log = true,
               .low = std::min(0.9, low / 1.05),
               .high = std::max(1.1, high * 1.05)};
  if (axis.high / axis.low > 3) {
    axis.low = RoundDown(axis.low);
    axis.high = RoundUp(axis.high);
    for (const double at : LogTicks(axis.low, axis.high)) {
      axis.ticks.push_back({at, absl::StrFormat("%g", at)});
    }
    return axis;
  }
  const double step = RoundUp((axis.high - axis.low) / 6);
  for (double i = std::ceil(axis.low / step); i * step <= axis.high; ++i) {
    axis.ticks.push_back({i * step, absl::StrFormat("%.3g", i * step)});
  }
  return axis;
}

Axis PercentileAxis(const std::string& label, std::int64_t count) {
  Axis axis = {.label = label, .is_log = true, .low = 1};
  const auto high = std::clamp<std::int64_t>(count, 10, 100'000);
  axis.high = static_cast<double>(high);
  axis.ticks = {{1, "0"}, {2, "50"}};
  for (std::int64_t one_of = 10; one_of <= high; one_of *= 10) {
    const auto at = static_cast<double>(one_of);
    axis.ticks.push_back({at, absl::StrFormat("%.6g", 100 * (1 - 1 / at))});
  }
  return axis;
}

}  // namespace attention::load
