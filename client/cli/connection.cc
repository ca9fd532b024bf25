// The client that the commands share.
#include "client/cli/connection.h"

#include "absl/strings/str_cat.h"

namespace attention {

std::chrono::milliseconds TimeoutOf(const CommandLine& line) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(line.timeout_s));
}

absl::StatusOr<Client> ConnectTo(const CommandLine& line) {
  return Client::Connect(line.server, {.timeout = TimeoutOf(line)});
}

ExitCode FailCall(const CommandLine& line, const absl::Status& status) {
  const ExitCode code = ExitCodeOfCall(status);
  if (code == ExitCode::kUnreachable) {
    return Fail(code, absl::UnavailableError(absl::StrCat(
                          "server ", line.server, " cannot be reached (",
                          status.message(),
                          "); start it or name another with --server")));
  }
  if (code == ExitCode::kDeadline) {
    return Fail(code, absl::DeadlineExceededError(
                          absl::StrCat("server ", line.server, ": ",
                                       status.message(), " (--timeout)")));
  }
  return Fail(code, absl::Status(status.code(),
                                 absl::StrCat("server ", line.server,
                                              " refused: ", status.message())));
}

}  // namespace attention
