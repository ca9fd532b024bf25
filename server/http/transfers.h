// The answers that a loop is sending, each with the time until which its client
// has to have read it.
#ifndef SERVER_HTTP_SENDING_ANSWERS_H_
#define SERVER_HTTP_SENDING_ANSWERS_H_

#include <cstdint>
#include <map>

#include "core/base/clock.h"

namespace attention::http {

// Not thread-safe: of the loop's thread.
class SendingAnswers {
 public:
  // `clock` outlives this.
  explicit SendingAnswers(const Clock& clock) : clock_(clock) {}

  // The answer of `bytes` on the connection of `socket` has TransferTime.
  void Begin(int socket, std::int64_t bytes);
  // It is sent, or its connection has ended; nothing happens when none began.
  void End(int socket) { until_.erase(socket); }

  bool empty() const { return until_.empty(); }

  // Cuts off the connections of those whose time is up, which then end.
  void CutOffLate();

 private:
  const Clock& clock_;
  std::map<int, Clock::TimePoint> until_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_SENDING_ANSWERS_H_
