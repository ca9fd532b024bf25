// Runs things at given times, one thread for all of them.
#include "tests/support/timer_thread.h"

#include <sys/prctl.h>

#include <algorithm>
#include <utility>

namespace attention {

TimerThread::TimerThread() : thread_([this] { Loop(); }) {}

TimerThread::~TimerThread() {
  RunAllNow();
  {
    const MutexLock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TimerThread::RunAt(TimePoint when, Task task) {
  if (!Postpone(when, task)) task();
}

bool TimerThread::Postpone(TimePoint when, Task& task) {
  bool is_next = false;
  {
    const MutexLock lock(mutex_);
    if (IsDue(when)) return false;
    const auto added = tasks_.emplace(when, std::move(task));
    is_next = added == tasks_.begin();
  }
  if (is_next) changed_.notify_all();
  return true;
}

void TimerThread::HoldUntil(TimePoint when) {
  const MutexLock lock(mutex_);
  held_until_ = std::max(held_until_, when);
}

void TimerThread::RunAllNow() {
  {
    const MutexLock lock(mutex_);
    all_now_ = true;
  }
  changed_.notify_all();
}

bool TimerThread::IsDue(TimePoint when) const {
  return all_now_ ||
         std::max(when, held_until_) <= std::chrono::steady_clock::now();
}

std::optional<TimerThread::Task> TimerThread::Next() {
  const MutexLock lock(mutex_);
  while (tasks_.empty() || !IsDue(tasks_.begin()->first)) {
    if (!tasks_.empty()) {
      const TimePoint when = std::max(tasks_.begin()->first, held_until_);
      changed_.wait_until(mutex_, when);
    } else if (closed_) {
      return std::nullopt;
    } else {
      changed_.wait(mutex_);
    }
  }
  Task task = std::move(tasks_.begin()->second);
  tasks_.erase(tasks_.begin());
  return task;
}

void TimerThread::Loop() {
  // The kernel may otherwise wake a thread up to 50 us late.
  prctl(PR_SET_TIMERSLACK, 1);
  while (std::optional<Task> task = Next()) (*task)();
}

}  // namespace attention
