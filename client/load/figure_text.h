// Figures as people read them: about three digits and a unit.
#ifndef CLIENT_LOAD_FIGURE_TEXT_H_
#define CLIENT_LOAD_FIGURE_TEXT_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "client/load/step.h"

namespace attention::load {

// "0.85 us", "9.81 ms", "1.20 s", "1800 s".
std::string DurationText(Seconds duration);

// Exact: "1,234,567".
std::string CountText(std::int64_t count);

// "0.25", "12.3", "25,310", "1.23 M" and so on; never more than 10 columns.
// "n/a" for what is not a finite number.
std::string NumberText(double number);

// "498/s".
std::string RateText(double per_second);

// "850 B", "1.25 MB", never more than 10 columns.
std::string BytesText(double bytes);

// "0 %", "<0.01 %", "0.40 %", "100 %": what is not all is never 100 %.
std::string PercentText(double share);

// "0.80", "1.30", "0.0042".
std::string RatioText(double ratio);

// A percentile as a duration, "-" when nothing was recorded.
std::string PercentileText(const Histogram& histogram, double percent);

// "500 requests/s, Poisson arrivals" or "8 requests in flight".
std::string LoadText(const Load& load);

// "500/s" or "8 in flight".
std::string ShortLoadText(const Load& load);

}  // namespace attention::load

#endif  // CLIENT_LOAD_FIGURE_TEXT_H_
