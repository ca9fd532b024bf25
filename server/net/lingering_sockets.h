// Connections that are answered for the last time while their client may still
// be sending.
#ifndef SERVER_NET_LINGERING_SOCKETS_H_
#define SERVER_NET_LINGERING_SOCKETS_H_

#include <poll.h>

#include <chrono>
#include <vector>

#include "core/base/mutex.h"
#include "server/net/file_descriptor.h"

namespace attention::net {

// A connection that is closed while data arrives is reset, and a client that
// sees that while it sends may never read why. What it still sends is dropped
// here until it closes too. Thread-safe.
class LingeringSockets {
 public:
  // Keeps the connection of `socket`, which the caller closes all the same.
  // Nothing happens when too many linger already or files are short.
  void Add(int socket) ABSL_LOCKS_EXCLUDED(mutex_);

  // Appends what poll() is to wait for.
  void AddTo(std::vector<pollfd>& events) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Drops what has arrived, and lets go of connections that the client has
  // closed or that were here for too long. Never blocks.
  void Serve() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Lingering {
    FileDescriptor socket;
    std::chrono::steady_clock::time_point until;
  };

  mutable Mutex mutex_;
  std::vector<Lingering> sockets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention::net

#endif  // SERVER_NET_LINGERING_SOCKETS_H_
