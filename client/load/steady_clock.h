// The clock that all times are read from.
#ifndef CLIENT_LOAD_STEADY_CLOCK_H_
#define CLIENT_LOAD_STEADY_CLOCK_H_

#include <chrono>

#include "client/load/step.h"

namespace attention::load {

using SteadyClock = std::chrono::steady_clock;

inline SteadyClock::duration ToClock(Seconds seconds) {
  return std::chrono::duration_cast<SteadyClock::duration>(seconds);
}

}  // namespace attention::load

#endif  // CLIENT_LOAD_STEADY_CLOCK_H_
