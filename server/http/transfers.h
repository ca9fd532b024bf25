// The bodies and answers that a loop is moving, each with the time until which
// its client has to have sent or read it.
#ifndef SERVER_HTTP_TRANSFERS_H_
#define SERVER_HTTP_TRANSFERS_H_

#include <map>

#include "core/base/clock.h"

namespace attention::http {

// Not thread-safe: of the loop's thread.
class Transfers {
 public:
  // `clock` outlives this.
  explicit Transfers(const Clock& clock) : clock_(clock) {}

  // What the connection of `socket` moves may take until then.
  void AllowUntil(int socket, Clock::TimePoint until) {
    until_[socket] = until;
  }
  // It is through, or its connection has ended; nothing happens when none
  // began.
  void End(int socket) { until_.erase(socket); }

  bool empty() const { return until_.empty(); }

  // Cuts off the connections of those whose time is up, which then end.
  void CutOffLate();

 private:
  const Clock& clock_;
  std::map<int, Clock::TimePoint> until_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_TRANSFERS_H_
