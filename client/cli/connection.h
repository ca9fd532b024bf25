// The client that the commands share.
#ifndef CLIENT_CLI_CONNECTION_H_
#define CLIENT_CLI_CONNECTION_H_

#include <chrono>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command_line.h"
#include "client/cli/exit_code.h"
#include "client/cpp/attention_client.h"

namespace attention {

// The deadline of a call.
std::chrono::milliseconds TimeoutOf(const CommandLine& line);

// A client with the address and the timeout of the command line.
absl::StatusOr<Client> ConnectTo(const CommandLine& line);

// Says in one line why a call failed, with the server's address and, where
// something can be done, what.
ExitCode FailCall(const CommandLine& line, const absl::Status& status);

}  // namespace attention

#endif  // CLIENT_CLI_CONNECTION_H_
