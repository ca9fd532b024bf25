// Tasks run in the order of their times, never early, and half of them at most
// a millisecond late; on an idle machine it is 50 us.
#include "tests/support/timer_thread.h"

#include <algorithm>
#include <future>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/slowdown.h"

namespace attention {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using ::testing::ElementsAre;

TEST(TimerThreadTest, RunsTasksInTimeAndNeverEarly) {
  constexpr int kTasks = 200;
  std::vector<Steady::duration> late(kTasks);
  {
    std::promise<void> all;
    TimerThread timer;
    const auto start = Steady::now() + milliseconds(5);
    for (int i = kTasks - 1; i >= 0; --i) {
      const auto when = start + i * microseconds(700);
      timer.RunAt(when, [&, when, i] {
        late[static_cast<std::size_t>(i)] = Steady::now() - when;
        if (i == kTasks - 1) all.set_value();
      });
    }
    all.get_future().wait();
  }

  std::sort(late.begin(), late.end());
  const auto median = late[kTasks / 2];
  RecordProperty("median_late_ns", static_cast<int>(median.count()));
  EXPECT_GE(late.front(), Steady::duration::zero());
  EXPECT_LT(median, kSlowdown * milliseconds(1));
}

TEST(TimerThreadTest, WakesForATaskThatComesWhileItWaits) {
  TimerThread timer;
  for (int i = 0; i < 20; ++i) {
    std::promise<void> ran;
    timer.RunAt(Steady::now() + milliseconds(1), [&] { ran.set_value(); });
    ran.get_future().wait();
  }
}

TEST(TimerThreadTest, RunsWhatIsDueOnTheThreadOfTheCaller) {
  TimerThread timer;
  std::thread::id ran_on;

  timer.RunAt(Steady::now(), [&] { ran_on = std::this_thread::get_id(); });

  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(TimerThreadTest, HoldsEverythingUntilThen) {
  TimerThread timer;
  const auto now = Steady::now();
  std::promise<Steady::time_point> due_before;
  std::promise<Steady::time_point> due_now;
  timer.RunAt(now + milliseconds(10),
              [&] { due_before.set_value(Steady::now()); });

  timer.HoldUntil(now + milliseconds(60));
  timer.RunAt(now, [&] { due_now.set_value(Steady::now()); });

  EXPECT_GE(due_before.get_future().get(), now + milliseconds(60));
  EXPECT_GE(due_now.get_future().get(), now + milliseconds(60));
}

TEST(TimerThreadTest, RunAllNowRunsWhatWaitsInTheOrderOfTimes) {
  std::vector<int> order;
  std::promise<void> last;
  TimerThread timer;
  const auto tomorrow = Steady::now() + std::chrono::hours(24);
  timer.RunAt(tomorrow + milliseconds(2), [&] {
    order.push_back(2);
    last.set_value();
  });
  timer.RunAt(tomorrow + milliseconds(1), [&] { order.push_back(1); });
  timer.RunAt(tomorrow, [&] { order.push_back(0); });
  timer.HoldUntil(tomorrow);

  timer.RunAllNow();
  last.get_future().wait();

  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST(TimerThreadTest, TheEndRunsWhatWaits) {
  int runs = 0;
  {
    TimerThread timer;
    timer.RunAt(Steady::now() + std::chrono::hours(24), [&] { ++runs; });
  }

  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace attention
