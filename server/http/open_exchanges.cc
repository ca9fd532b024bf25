#include "server/http/open_exchanges.h"

namespace attention::http {

bool OpenExchanges::Enter() {
  MutexLock lock(mutex_);
  if (draining_) return false;
  ++unanswered_;
  ++unsent_;
  return true;
}

void OpenExchanges::Answered() {
  // Notified under the lock: whoever waits may destroy this right after.
  MutexLock lock(mutex_);
  if (--unanswered_ == 0) changed_.notify_all();
}

void OpenExchanges::Sent() {
  MutexLock lock(mutex_);
  if (--unsent_ == 0) changed_.notify_all();
}

void OpenExchanges::Drain(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  draining_ = true;
  while (unanswered_ != 0) changed_.wait(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (unsent_ != 0) {
    if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) {
      return;
    }
  }
}

}  // namespace attention::http
