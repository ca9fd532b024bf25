// Where long JSON is read and written.
//
// A thread of the listener serves many connections, and a worker computes for
// all: tens of megabytes of numbers would keep either from it for most of a
// second.
#ifndef SERVER_REST_JSON_THREADS_H_
#define SERVER_REST_JSON_THREADS_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "core/base/mutex.h"

namespace attention::oip {

// From here on JSON is long. Less takes below a millisecond, where it is.
inline constexpr std::size_t kLongJsonBytes = std::size_t{64} << 10;

// Thread-safe.
class JsonThreads {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  JsonThreads();
  // Does first what it was given; nobody gives it more.
  ~JsonThreads();

  JsonThreads(const JsonThreads&) = delete;
  JsonThreads& operator=(const JsonThreads&) = delete;

  // Runs `task`, which reads or writes `json_bytes`: here, or from
  // kLongJsonBytes on one of the threads, as soon as one is free. Tasks wait in
  // any number: what they hold, bodies and answers, has its memory granted.
  void Run(std::size_t json_bytes, Task task) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  std::condition_variable_any changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace attention::oip

#endif  // SERVER_REST_JSON_THREADS_H_
