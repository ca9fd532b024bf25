// The server's life: load, listen, warm up, serve, drain, stop.
#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/options.h"
#include "server/base/port_file.h"

namespace attention {

// Owns everything but the process's signals and malloc. Not thread-safe: one
// thread creates, warms up and stops it.
class Server {
 public:
  // Loads the models, starts the workers and binds the ports. Health says
  // NOT_SERVING until WarmUp. Errors name the flag to change.
  static absl::StatusOr<std::unique_ptr<Server>> Create(ServerOptions options);

  // Stop(), unless that was called.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Runs a few requests of every model; then health says SERVING.
  absl::Status WarmUp();

  // Health says NOT_SERVING; after --drain-delay-seconds new requests are
  // refused with UNAVAILABLE; accepted ones are finished within
  // --drain-seconds, the rest is cancelled.
  void Stop();

  // Those in use.
  const Ports& ports() const;

 private:
  class Impl;

  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // SERVER_SERVER_H_
