// Figures as people read them: about three digits and a unit.
#include "client/load/figure_text.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace attention::load {
namespace {

// More only when there are more before the point.
std::string ThreeDigits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f", decimals, value);
}

std::string WithoutTrailingZeros(std::string text) {
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
  }
  return text;
}

// `value` with the first of `units`, each a thousand of the one before, in
// which it has at most three digits.
template <std::size_t kUnits>
std::string Scaled(double value, const char* const (&units)[kUnits]) {
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits) {
    value /= 1000;
    ++unit;
  }
  // Where the units end, the exponent keeps it short.
  return absl::StrCat(
      value < 9999.5 ? ThreeDigits(value) : absl::StrFormat("%.1e", value), " ",
      units[unit]);
}

}  // namespace

std::string DurationText(Seconds duration) {
  if (duration == Seconds::zero()) {
    return "0 us";
  }
  return Scaled(duration.count() * 1e6, {"us", "ms", "s"});
}

std::string CountText(std::int64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-') {
      text += ',';
    }
    text += digits[i];
  }
  return text;
}

std::string NumberText(double number) {
  if (!std::isfinite(number)) {
    return "n/a";
  }
  if (number < 0) {
    return absl::StrCat("-", NumberText(-number));
  }
  if (number > 0 && number < 0.005) {
    return "<0.01";
  }
  if (number < 99.95) {
    return WithoutTrailingZeros(ThreeDigits(number));
  }
  if (number < 999'999.5) {
    return CountText(std::llround(number));
  }
  return Scaled(number / 1e6, {"M", "G", "T"});
}

std::string RateText(double per_second) {
  return absl::StrCat(NumberText(per_second), "/s");
}

std::string BytesText(double bytes) {
  if (!std::isfinite(bytes)) {
    return "n/a";
  }
  if (bytes < 999.5) {
    return absl::StrFormat("%.0f B", bytes);
  }
  return Scaled(bytes / 1e3, {"kB", "MB", "GB", "TB"});
}

std::string PercentText(double share) {
  const double percent = 100 * share;
  if (!std::isfinite(percent)) {
    return "n/a";
  }
  if (percent == 0 || percent == 100) {
    return absl::StrFormat("%.0f %%", percent);
  }
  if (percent < 0.01) {
    return "<0.01 %";
  }
  if (percent > 99.99 && percent < 100) {
    return ">99.99 %";
  }
  return absl::StrFormat("%.2f %%", percent);
}

std::string RatioText(double ratio) {
  return ratio < 0.0995 ? absl::StrFormat("%.2g", ratio) : ThreeDigits(ratio);
}

std::string PercentileText(const Histogram& histogram, double percent) {
  return histogram.count() == 0 ? "-"
                                : DurationText(histogram.Percentile(percent));
}

std::string LoadText(const Load& load) {
  switch (load.arrivals) {
    case Arrivals::kPoisson:
      return absl::StrCat(NumberText(load.rate),
                          " requests/s, Poisson arrivals");
    case Arrivals::kConstant:
      return absl::StrCat(NumberText(load.rate), " requests/s, evenly spaced");
    case Arrivals::kClosed:
      break;
  }
  return absl::StrCat(CountText(load.concurrency), " requests in flight");
}

std::string ShortLoadText(const Load& load) {
  return load.arrivals == Arrivals::kClosed
             ? absl::StrCat(CountText(load.concurrency), " in flight")
             : RateText(load.rate);
}

}  // namespace attention::load
