// Whether a server takes requests, as grpc.health.v1 has it.
#ifndef CLIENT_CLI_HEALTH_CHECK_H_
#define CLIENT_CLI_HEALTH_CHECK_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace attention {

// True when the server at "host:port" says SERVING, false when it says anything
// else: it warms up or stops. Errors are those of gRPC: Unavailable when nobody
// is there, DeadlineExceeded, Unimplemented from a server without health.
absl::StatusOr<bool> IsServing(const std::string& server,
                               std::chrono::milliseconds timeout);

}  // namespace attention

#endif  // CLIENT_CLI_HEALTH_CHECK_H_
