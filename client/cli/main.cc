// attention-client: the command for people and scripts.
#include <variant>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"

namespace attention {
namespace {

ExitCode Run(const CommandLine& line) {
  switch (line.command) {
    case Command::kInfo:
      return RunInfo(line);
    case Command::kHealth:
      return RunHealth(line);
    case Command::kModels:
      return RunModels(line);
    case Command::kAttend:
      return RunAttend(line);
    case Command::kSelftest:
      return RunSelftest();
  }
  return ExitCode::kUsage;
}

}  // namespace
}  // namespace attention

int main(int argc, char** argv) {
  const auto parsed = attention::ParseCommandLine(argc, argv);
  const auto* code = std::get_if<attention::ExitCode>(&parsed);
  return static_cast<int>(
      code != nullptr
          ? *code
          : attention::Run(std::get<attention::CommandLine>(parsed)));
}
