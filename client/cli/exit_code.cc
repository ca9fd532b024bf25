// What attention-client returns to the shell.
#include "client/cli/exit_code.h"

#include <cstdio>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace attention {

ExitCode ExitCodeOfCall(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      // gRPC says so when nobody answers, and a server that is stopping says
      // so itself.
      return absl::StrContains(status.message(), "the server is stopping")
                 ? ExitCode::kRefused
                 : ExitCode::kUnreachable;
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kDeadline;
    default:
      return ExitCode::kRefused;
  }
}

ExitCode Fail(ExitCode code, const absl::Status& status) {
  const std::string line = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  std::fprintf(stderr, "attention-client: %s\n", line.c_str());
  return code;
}

}  // namespace attention
