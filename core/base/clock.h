// Time as a parameter, so that tests decide what time it is.
#ifndef CORE_BASE_CLOCK_H_
#define CORE_BASE_CLOCK_H_

#include <chrono>

namespace attention {

// Monotonic time. Implementations are thread-safe.
class Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

// The steady clock of the machine; lives for ever.
const Clock& SystemClock();

}  // namespace attention

#endif  // CORE_BASE_CLOCK_H_
