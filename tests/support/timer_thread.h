// Runs things at given times, one thread for all of them.
#ifndef TESTS_SUPPORT_TIMER_THREAD_H_
#define TESTS_SUPPORT_TIMER_THREAD_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <optional>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "core/base/mutex.h"

namespace attention {

// On an idle machine a task runs within 50 us of its time, and the later the
// longer those before it took: tasks must not block. Thread-safe.
class TimerThread {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Task = absl::AnyInvocable<void()>;

  TimerThread();
  // Runs what is left at once.
  ~TimerThread();
  TimerThread(const TimerThread&) = delete;
  TimerThread& operator=(const TimerThread&) = delete;

  // Runs `task` at `when`: on this thread, before this returns, when that time
  // has come. The caller may hold no lock that `task` takes.
  void RunAt(TimePoint when, Task task);

  // Nothing runs before `when`; what should have runs then.
  void HoldUntil(TimePoint when);

  // From now on tasks run at once, the waiting ones too.
  void RunAllNow();

 private:
  // Takes the task unless it is due.
  bool Postpone(TimePoint when, Task& task);
  void Loop();
  // Waits for the next task that is due; none when closed.
  std::optional<Task> Next();
  bool IsDue(TimePoint when) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::condition_variable_any changed_;
  // In the order of their times, those of one time in that of RunAt.
  std::multimap<TimePoint, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  TimePoint held_until_ ABSL_GUARDED_BY(mutex_){};
  bool all_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_TIMER_THREAD_H_
