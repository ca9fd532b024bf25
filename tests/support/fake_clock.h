// A clock that stands still until a test moves it.
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>

#include "core/base/clock.h"

namespace attention {

// Thread-safe. Starts a day after the epoch, so that tests can go back.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(now_.load()); }
  void Advance(Duration duration) { now_ = now_.load() + duration; }

 private:
  std::atomic<Duration> now_{std::chrono::hours(24)};
};

}  // namespace attention

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
