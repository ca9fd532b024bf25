// When the requests of an open loop are meant to start.
#include "client/load/arrival_times.h"

#include <cmath>

namespace attention::load {

ArrivalTimes::ArrivalTimes(Arrivals arrivals, double rate, std::uint64_t seed)
    : arrivals_(arrivals), rate_(rate), random_(seed) {}

std::chrono::nanoseconds ArrivalTimes::Next() {
  double seconds = 0;
  if (arrivals_ == Arrivals::kConstant) {
    // From the count, because a sum of gaps would drift.
    seconds = static_cast<double>(count_++) / rate_;
  } else {
    // std::exponential_distribution differs between standard libraries. 53
    // bits are a double's: this one is below 1, so the gap is finite.
    const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;
    poisson_seconds_ += -std::log1p(-uniform) / rate_;
    seconds = poisson_seconds_;
  }
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

}  // namespace attention::load
