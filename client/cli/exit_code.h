// What attention-client returns to the shell.
#ifndef CLIENT_CLI_EXIT_CODE_H_
#define CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace attention {

// --help and client/README.md list them: scripts depend on the numbers.
enum class ExitCode : int {
  kOk = 0,
  kCheckFailed = 1,
  kUsage = 2,
  kUnreachable = 3,
  kRefused = 4,
  kDeadline = 5,
};

// For a status that is not OK and came from a call to the server.
ExitCode ExitCodeOfCall(const absl::Status& status);

// Prints "attention-client: MESSAGE" as one line to stderr and returns `code`.
ExitCode Fail(ExitCode code, const absl::Status& status);

}  // namespace attention

#endif  // CLIENT_CLI_EXIT_CODE_H_
