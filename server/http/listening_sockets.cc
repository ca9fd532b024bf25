#include "server/http/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/address.h"

namespace attention::http {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// Null when there is no such host.
Addresses Resolve(const std::string& host) {
  absl::string_view bare = host;
  if (absl::ConsumePrefix(&bare, "[")) absl::ConsumeSuffix(&bare, "]");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* addresses = nullptr;
  return getaddrinfo(std::string(bare).c_str(), nullptr, &hints, &addresses) ==
                 0
             ? Addresses(addresses)
             : nullptr;
}

// Where both families keep the port.
in_port_t& PortOf(sockaddr_storage& address) {
  return address.ss_family == AF_INET6
             ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
             : reinterpret_cast<sockaddr_in&>(address).sin_port;
}

// The port that it got, or -1 with errno.
int Bind(int socket, const addrinfo& host, int port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  std::memcpy(&address, host.ai_addr, host.ai_addrlen);
  PortOf(address) = htons(static_cast<in_port_t>(port));
  const int on = 1;
  const int off = 0;
  // Connections of a server that has just ended are no obstacle.
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket, generic, host.ai_addrlen) != 0 ||
      listen(socket, SOMAXCONN) != 0 ||
      getsockname(socket, generic, &size) != 0) {
    return -1;
  }
  return ntohs(PortOf(address));
}

}  // namespace

absl::StatusOr<ListeningSockets> Listen(const std::string& host, int port) {
  ListeningSockets listening{.port = port};
  bool in_use = false;
  const Addresses addresses = Resolve(host);
  for (const addrinfo* address = addresses.get(); address != nullptr;
       address = address->ai_next) {
    FileDescriptor socket(::socket(
        address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int bound = Bind(socket.get(), *address, listening.port);
    if (bound < 0) {
      // A family that this machine has not is one less.
      in_use = in_use || errno == EADDRINUSE;
      continue;
    }
    listening.port = bound;
    listening.sockets.push_back(std::move(socket));
  }
  if (listening.sockets.empty() || in_use) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--http-port: cannot listen on ", JoinAddress(host, port),
        "; the port is in use or the address is not of this machine, choose "
        "another, or 0 for any free port"));
  }
  return listening;
}

}  // namespace attention::http
