#include "server/http/transfers.h"

#include <sys/socket.h>

namespace attention::http {

void Transfers::CutOffLate() {
  const Clock::TimePoint now = clock_.Now();
  for (const auto& [socket, until] : until_) {
    // libmicrohttpd sees that nothing can be moved any more. Again and again
    // until it does, which changes nothing.
    if (now > until) shutdown(socket, SHUT_RDWR);
  }
}

}  // namespace attention::http
