// Whether a test can use an address: there are containers without IPv6, and
// without a file of hosts that has localhost.
#ifndef TESTS_SUPPORT_HAS_ADDRESS_H_
#define TESTS_SUPPORT_HAS_ADDRESS_H_

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace attention {

// Whether this machine knows `host` and lets it be listened on.
inline bool HasAddress(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(
      found, &freeaddrinfo);
  const int listening = socket(found->ai_family, SOCK_STREAM, 0);
  if (listening < 0) return false;
  const bool bound = bind(listening, found->ai_addr, found->ai_addrlen) == 0;
  close(listening);
  return bound;
}

}  // namespace attention

#endif  // TESTS_SUPPORT_HAS_ADDRESS_H_
