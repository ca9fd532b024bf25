// The sockets that listen to one port.
#ifndef SERVER_HTTP_LISTENING_SOCKETS_H_
#define SERVER_HTTP_LISTENING_SOCKETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/http/file_descriptor.h"

namespace attention::http {

struct ListeningSockets {
  // One for each address of the host: "localhost" has two. They do not block.
  std::vector<FileDescriptor> sockets{};
  int port = 0;
};

// "::" takes IPv4 as well; brackets around an IPv6 host are allowed. Port 0:
// any. FailedPrecondition when the port cannot be had.
absl::StatusOr<ListeningSockets> Listen(const std::string& host, int port);

}  // namespace attention::http

#endif  // SERVER_HTTP_LISTENING_SOCKETS_H_
