// What attention-client returns to the shell.
#include "client/cli/exit_code.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_replace.h"

namespace attention {

ExitCode ExitCodeOfCall(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return ExitCode::kUnreachable;
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
