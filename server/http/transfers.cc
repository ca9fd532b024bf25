#include "server/http/sending_answers.h"

#include <sys/socket.h>

#include "server/http/transfer_time.h"

namespace attention::http {

void SendingAnswers::Begin(int socket, std::int64_t bytes) {
  until_[socket] = clock_.Now() + TransferTime(bytes);
}

void SendingAnswers::CutOffLate() {
  const Clock::TimePoint now = clock_.Now();
  for (const auto& [socket, until] : until_) {
    // libmicrohttpd sees that nothing can be sent any more. Again and again
    // until it does, which changes nothing.
    if (now > until) shutdown(socket, SHUT_RDWR);
  }
}

}  // namespace attention::http
