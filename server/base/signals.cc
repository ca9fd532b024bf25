#include "server/base/signals.h"

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/base/mutex.h"

namespace attention {

struct StopSignals::State {
  Mutex mutex;
  std::condition_variable_any changed;
  bool drains ABSL_GUARDED_BY(mutex) = false;
  // The first signal after `drains`, 0 before.
  int number ABSL_GUARDED_BY(mutex) = 0;
};

StopSignals::StopSignals() : state_(std::make_shared<State>()) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A thread that waits, because as process 1 of a container the default action
  // of a signal is to ignore it.
  std::thread([signals, state = state_] {
    while (true) {
      int number = 0;
      sigwait(&signals, &number);
      const MutexLock lock(state->mutex);
      if (!state->drains || state->number != 0) std::_Exit(128 + number);
      state->number = number;
      state->changed.notify_all();
    }
  }).detach();
}

void StopSignals::DrainOnSignal() {
  const MutexLock lock(state_->mutex);
  state_->drains = true;
}

int StopSignals::Wait() {
  const MutexLock lock(state_->mutex);
  while (state_->number == 0) state_->changed.wait(state_->mutex);
  return state_->number;
}

}  // namespace attention
