// Requests whose answer is not sent yet, so that a stop can wait for them.
#ifndef SERVER_REQUEST_OPEN_REQUESTS_H_
#define SERVER_REQUEST_OPEN_REQUESTS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>

#include "core/base/mutex.h"

namespace attention {

// Thread-safe. The engine's own count ends when a result is computed; this one
// ends when gRPC or HTTP has sent it.
class OpenRequests {
 public:
  void Enter() ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave() ABSL_LOCKS_EXCLUDED(mutex_);

  // From here on streams read no more requests, and end.
  void Close() { closed_.store(true); }
  bool closed() const { return closed_.load(); }

  // Nobody waits for the answers any more.
  void Abandon() { abandoned_.store(true); }
  bool abandoned() const { return abandoned_.load(); }

  // True once there are none, false after `timeout`.
  bool WaitUntilNone(std::chrono::duration<double> timeout)
      ABSL_LOCKS_EXCLUDED(mutex_);

  std::int64_t count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::atomic<bool> closed_ = false;
  std::atomic<bool> abandoned_ = false;
  mutable Mutex mutex_;
  std::condition_variable_any none_;
  std::int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace attention

#endif  // SERVER_REQUEST_OPEN_REQUESTS_H_
