// Proves that the system's clock is one clock and never goes back.
#include "core/base/clock.h"

#include "gtest/gtest.h"

namespace attention {
namespace {

TEST(ClockTest, TheSystemClockNeverGoesBack) {
  Clock::TimePoint last = SystemClock().Now();
  for (int i = 0; i < 1000; ++i) {
    const Clock::TimePoint now = SystemClock().Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, ThereIsOneSystemClock) {
  EXPECT_EQ(&SystemClock(), &SystemClock());
}

}  // namespace
}  // namespace attention
