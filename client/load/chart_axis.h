// Axes of charts: what part of a quantity is shown, and where it is labelled.
#ifndef CLIENT_LOAD_CHART_AXIS_H_
#define CLIENT_LOAD_CHART_AXIS_H_

#include <string>
#include <vector>

#include "client/load/histogram.h"

namespace attention::load {

struct Tick {
  double at = 0;
  std::string label{};
};

struct Axis {
  std::string label{};  // with the unit, if ticks have none
  bool is_log = false;
  double low = 0;
  double high = 1;
  std::vector<Tick> ticks{};

  // Where `value` is: 0 at `low`, 1 at `high`, never outside of them.
  double Fraction(double value) const;
};

// From 0 to at least `high`, labelled at round numbers.
Axis LinearAxis(const std::string& label, double high);

// Nanoseconds on a logarithmic scale; from `low` to `high` at least.
Axis DurationAxis(const std::string& label, Histogram::Duration low,
                  Histogram::Duration high);

// Ratios on a logarithmic scale, with 1 inside.
Axis RatioAxis(const std::string& label, double low, double high);

// Percentiles of `count` values at 1 / (1 - p) on a logarithmic scale, which
// gives the tail its room: 90, 99 and 99.9 are as far from one another.
Axis PercentileAxis(const std::string& label, std::int64_t count);

}  // namespace attention::load

#endif  // CLIENT_LOAD_CHART_AXIS_H_
