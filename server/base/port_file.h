// The file of --port-file, which tells others the ports that were chosen.
#ifndef SERVER_BASE_PORT_FILE_H_
#define SERVER_BASE_PORT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace attention {

// Writes the lines `grpc_port=N` and `metrics_port=N`. Whoever reads the file
// sees both lines or no file. FailedPrecondition with the path.
absl::Status WritePortFile(const std::string& path, int grpc_port,
                           int metrics_port);

}  // namespace attention

#endif  // SERVER_BASE_PORT_FILE_H_
