// `attention-client health`.
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/health_check.h"

namespace attention {

ExitCode RunHealth(const CommandLine& line) {
  const auto serving = IsServing(line.server, TimeoutOf(line));
  if (!serving.ok()) {
    return FailCall(line, serving.status());
  }
  if (!*serving) {
    return Fail(ExitCode::kRefused,
                absl::FailedPreconditionError(absl::StrCat(
                    "server ", line.server,
                    " is not serving: it warms up or stops; ask again later")));
  }
  std::printf("server %s is serving\n", line.server.c_str());
  return ExitCode::kOk;
}

}  // namespace attention
