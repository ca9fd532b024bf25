// When the requests of an open loop are meant to start.
#include "client/load/arrival_times.h"

#include <cmath>

namespace attention::load {

ArrivalTimes::ArrivalTimes(Arrivals arrivals, double rate, std::uint64_t seed)
    : arrivals_(arrivals), rate_(rate), draws_(seed) {}

std::chrono::nanoseconds ArrivalTimes::Next() {
  double seconds = 0;
  if (arrivals_ == Arrivals::kConstant) {
    // From the count, because a sum of gaps would drift.
    seconds = static_cast<double>(count_++) / rate_;
  } else {
    // A unit is below 1, so the gap is finite.
    poisson_seconds_ += -std::log1p(-draws_.Unit()) / rate_;
    seconds = poisson_seconds_;
  }
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

}  // namespace attention::load
