// Requests that are not answered, and answers that are not sent, so that a stop
// can wait for both.
#ifndef SERVER_HTTP_OPEN_EXCHANGES_H_
#define SERVER_HTTP_OPEN_EXCHANGES_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>

#include "core/base/mutex.h"

namespace attention::http {

// Thread-safe.
class OpenExchanges {
 public:
  // A request goes to the handler; false once Drain has begun.
  bool Enter() ABSL_LOCKS_EXCLUDED(mutex_);
  // Its answer is there.
  void Answered() ABSL_LOCKS_EXCLUDED(mutex_);
  // That is sent, or never will be.
  void Sent() ABSL_LOCKS_EXCLUDED(mutex_);

  // From here on every answer closes its connection.
  void StopKeepAlive() { keeps_alive_.store(false); }
  bool keeps_alive() const { return keeps_alive_.load(); }

  // Lets nobody in, waits until all requests are answered, and then until all
  // is sent, for at most `timeout`.
  void Drain(std::chrono::milliseconds timeout) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::atomic<bool> keeps_alive_ = true;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t unsent_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_OPEN_EXCHANGES_H_
