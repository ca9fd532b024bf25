// The answer that a connection waits for, between the thread that serves the
// connection and the one that has the answer.
#ifndef SERVER_HTTP_PENDING_ANSWER_H_
#define SERVER_HTTP_PENDING_ANSWER_H_

#include <memory>
#include <optional>

#include "core/base/mutex.h"
#include "server/http/http_listener.h"
#include "server/http/open_exchanges.h"

struct MHD_Connection;

namespace attention::http {

// Thread-safe; TakeOrSuspend and End belong to the connection's thread.
class PendingAnswer {
 public:
  // Counts as unanswered in `open`, which lives until it no longer does, and so
  // does `wake`, the eventfd of the loop that serves `socket`.
  PendingAnswer(OpenExchanges& open, int socket, int wake);

  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  // The answer, if it is there. Otherwise the connection rests until it is, and
  // then asks again.
  std::optional<Response> TakeOrSuspend(MHD_Connection* connection)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The connection does not wait any more.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);

  // Once. Dropped when the connection has ended.
  void Give(Response response) ABSL_LOCKS_EXCLUDED(mutex_);

  // As Request::cancelled.
  bool ClientHasLeft() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  OpenExchanges& open_;
  const int wake_;
  mutable Mutex mutex_;
  std::optional<Response> response_ ABSL_GUARDED_BY(mutex_);
  MHD_Connection* suspended_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // -1 once another connection may have the number.
  int socket_ ABSL_GUARDED_BY(mutex_);
};

// Gives `answer` what it is called with, or 500 when it is destroyed uncalled.
Respond RespondTo(std::shared_ptr<PendingAnswer> answer);

}  // namespace attention::http

#endif  // SERVER_HTTP_PENDING_ANSWER_H_
