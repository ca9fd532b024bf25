#include "server/net/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/address.h"

namespace attention::net {
namespace {

constexpr int kTries = 10;

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

// The port that it got, or the negated error number.
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
    return -errno;
  }
  return ntohs(PortOf(address));
}

// Whether an address before it is the same, as when a name is in a file twice.
bool IsRepeated(const addrinfo& address, const addrinfo* before) {
  for (; before != &address; before = before->ai_next) {
    if (before->ai_addrlen == address.ai_addrlen &&
        std::memcmp(before->ai_addr, address.ai_addr, address.ai_addrlen) ==
            0) {
      return true;
    }
  }
  return false;
}

// False when there is no address, or the port of one is in use.
bool BindAll(const addrinfo* addresses, ListeningSockets& listening) {
  for (const addrinfo* address = addresses; address != nullptr;
       address = address->ai_next) {
    if (IsRepeated(*address, addresses)) continue;
    FileDescriptor socket(::socket(
        address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int port = Bind(socket.get(), *address, listening.port);
    if (port == -EADDRINUSE) return false;
    // A family that this machine has not is one less.
    if (port < 0) continue;
    listening.port = port;
    listening.sockets.push_back(std::move(socket));
  }
  return !listening.sockets.empty();
}

std::optional<ListeningSockets> ListenOn(const std::string& host, int port) {
  const Addresses addresses = Resolve(host);
  // A port that is free for one address of a host may not be for another.
  for (int i = 0; i < (port == 0 ? kTries : 1); ++i) {
    ListeningSockets listening{.port = port};
    if (BindAll(addresses.get(), listening)) return listening;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<ListeningSockets> Listen(absl::string_view flag,
                                        const std::string& host, int port) {
  std::optional<ListeningSockets> listening;
  // A machine without IPv6 has IPv4 alone.
  if (host == "0.0.0.0") listening = ListenOn("::", port);
  if (!listening.has_value()) listening = ListenOn(host, port);
  if (listening.has_value()) return *std::move(listening);
  return absl::FailedPreconditionError(absl::StrCat(
      flag, ": cannot listen on ", JoinAddress(host, port),
      "; the port is in use or the address is not of this machine, choose "
      "another, or 0 for any free port"));
}

}  // namespace attention::net
