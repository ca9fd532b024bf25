// Finds out which clients have left before their answer came.
//
// The engine looks at a flag, often; a connection has to be asked, which is a
// system call, and tells nobody by itself while it waits for an answer.
#ifndef SERVER_REST_DISCONNECT_WATCH_H_
#define SERVER_REST_DISCONNECT_WATCH_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace attention::oip {

// A request that takes less is not asked after.
inline constexpr std::chrono::milliseconds kDisconnectInterval{50};

// Thread-safe. Asks on a thread of its own, which rests while nobody waits.
class DisconnectWatch {
 public:
  DisconnectWatch();
  ~DisconnectWatch();

  DisconnectWatch(const DisconnectWatch&) = delete;
  DisconnectWatch& operator=(const DisconnectWatch&) = delete;

  // A flag that becomes true soon after `has_left` does, which is asked as long
  // as somebody holds the flag.
  std::shared_ptr<const std::atomic<bool>> Watch(std::function<bool()> has_left)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Client {
    std::weak_ptr<std::atomic<bool>> flag{};
    std::function<bool()> has_left{};
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  std::condition_variable_any changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Client> clients_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace attention::oip

#endif  // SERVER_REST_DISCONNECT_WATCH_H_
