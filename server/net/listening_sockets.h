// The sockets that listen to one port.
#ifndef SERVER_NET_LISTENING_SOCKETS_H_
#define SERVER_NET_LISTENING_SOCKETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/net/file_descriptor.h"

namespace attention::net {

struct ListeningSockets {
  // One for each address of the host: "localhost" has two. They do not block.
  std::vector<FileDescriptor> sockets{};
  int port = 0;
};

// "0.0.0.0" and "::" are all addresses of the machine, of both families;
// brackets around an IPv6 host are allowed. Port 0: any. FailedPrecondition
// when the port cannot be had, which names `flag`.
absl::StatusOr<ListeningSockets> Listen(absl::string_view flag,
                                        const std::string& host, int port);

}  // namespace attention::net

#endif  // SERVER_NET_LISTENING_SOCKETS_H_
