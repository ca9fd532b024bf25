// A thread that serves connections.
#ifndef SERVER_HTTP_CONNECTION_LOOP_H_
#define SERVER_HTTP_CONNECTION_LOOP_H_

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "microhttpd.h"
#include "server/http/exchange.h"
#include "server/http/transfers.h"
#include "server/net/file_descriptor.h"

namespace attention::http {

// Reads requests, calls the handler and sends answers; never waits for one
// connection while another has something to do. Thread-safe.
//
// The thread is not libmicrohttpd's own: that one waits for more when exactly
// 128 connections have news at once, and lets them wait (0.9.75 and 1.0.1).
class ConnectionLoop {
 public:
  // `on_closed` is called for each connection that was added and has ended.
  // `context` needs no `transfers` and no `wake`. ResourceExhausted when the
  // system has no memory or files left.
  static absl::StatusOr<std::unique_ptr<ConnectionLoop>> Create(
      ExchangeContext context, int idle_seconds,
      std::function<void()> on_closed);

  // Closes all connections. None of them may wait for an answer.
  ~ConnectionLoop();

  ConnectionLoop(const ConnectionLoop&) = delete;
  ConnectionLoop& operator=(const ConnectionLoop&) = delete;

  // Serves `socket`, which does not block.
  void Add(net::FileDescriptor socket, const sockaddr_storage& peer,
           socklen_t peer_size) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Connection {
    net::FileDescriptor socket;
    sockaddr_storage peer;
    socklen_t peer_size;
  };
  struct StopDaemon {
    void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
  };

  ConnectionLoop(ExchangeContext context, std::function<void()> on_closed);

  absl::Status Start(int idle_seconds);
  void Run();
  void ServeAdded() ABSL_LOCKS_EXCLUDED(mutex_);
  static void OnConnection(void* self, MHD_Connection* connection,
                           void** unused, MHD_ConnectionNotificationCode code);

  const std::function<void()> on_closed_;
  // Whoever changes something from outside writes to it.
  const net::FileDescriptor wake_;
  Transfers transfers_;
  ExchangeContext context_;
  std::unique_ptr<MHD_Daemon, StopDaemon> daemon_;
  std::atomic<bool> ending_ = false;
  Mutex mutex_;
  std::vector<Connection> added_ ABSL_GUARDED_BY(mutex_);
  // Of the thread: libmicrohttpd has begun to serve what it was given last.
  bool started_ = false;
  std::thread thread_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_CONNECTION_LOOP_H_
