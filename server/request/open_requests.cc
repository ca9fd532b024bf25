#include "server/request/open_requests.h"

namespace attention {

void OpenRequests::Enter() {
  MutexLock lock(mutex_);
  ++count_;
}

void OpenRequests::Leave() {
  // Notified under the lock: whoever waits may destroy this right after.
  MutexLock lock(mutex_);
  if (--count_ == 0) none_.notify_all();
}

bool OpenRequests::WaitUntilNone(std::chrono::duration<double> timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  while (count_ != 0) {
    if (none_.wait_until(mutex_, deadline) == std::cv_status::timeout) {
      return count_ == 0;
    }
  }
  return true;
}

std::int64_t OpenRequests::count() const {
  MutexLock lock(mutex_);
  return count_;
}

}  // namespace attention
