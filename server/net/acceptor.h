// The thread that takes new connections, and lets those go that end badly.
#ifndef SERVER_NET_ACCEPTOR_H_
#define SERVER_NET_ACCEPTOR_H_

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "server/net/file_descriptor.h"
#include "server/net/lingering_sockets.h"

namespace attention::net {

// Takes connections itself, as both protocols' libraries have trouble with it:
// gRPC 1.51 never accepts again once the process was out of files;
// libmicrohttpd gives connections above its limit no answer, and may abort the
// process when it is to close the port under load (MHD_quiesce_daemon, 0.9.75).
// The last files are kept free: a connection that would take one of them is
// too many. Thread-safe.
class Acceptor {
 public:
  // On the acceptor's thread. Takes the socket, which does not block, or leaves
  // it and returns false when there are too many connections.
  using OnConnection =
      std::function<bool(FileDescriptor& socket, const sockaddr_storage& peer,
                         socklen_t peer_size)>;

  // `refusal`: what connections that are too many read; may be empty.
  Acceptor(std::vector<FileDescriptor> listening, std::string refusal,
           OnConnection on_connection);
  // As Close(), and lets all that lingers go.
  ~Acceptor();

  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Once. Before that connections wait. ResourceExhausted when the system has
  // no files left.
  absl::Status Start();

  // Takes the connections that are waiting, and then no more; when it returns
  // the port is free. Nothing happens before Start.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // As LingeringSockets::Add.
  void Linger(int socket);

 private:
  enum class State { kAccepting, kClosing, kClosed, kEnding };

  void Run();
  void AcceptAll();
  void Refuse(const FileDescriptor& socket);
  void WarnOfTooMany();
  void Wake() const;
  State state() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetState(State state) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string refusal_;
  const OnConnection on_connection_;
  const int max_descriptor_;
  const FileDescriptor wake_;
  // Of the thread.
  std::vector<FileDescriptor> listening_;
  bool out_of_sockets_ = false;
  // Since the last warning.
  std::int64_t too_many_ = 0;
  std::chrono::steady_clock::time_point next_warning_{};
  LingeringSockets lingering_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kAccepting;
  std::thread thread_;
};

}  // namespace attention::net

#endif  // SERVER_NET_ACCEPTOR_H_
