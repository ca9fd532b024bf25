// The file of --port-file, which tells others the ports that were chosen.
#ifndef SERVER_BASE_PORT_FILE_H_
#define SERVER_BASE_PORT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace attention {

// Those in use, -1 for what is not served.
struct Ports {
  int grpc = -1;
  int http = -1;
  int metrics = -1;
};

// Writes the lines `grpc_port=N`, `http_port=N` and `metrics_port=N`. Whoever
// reads the file sees all lines or no file. FailedPrecondition with the path.
absl::Status WritePortFile(const std::string& path, const Ports& ports);

}  // namespace attention

#endif  // SERVER_BASE_PORT_FILE_H_
