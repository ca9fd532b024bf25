// attention-load: the load tester.
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "client/load/command_line.h"
#include "client/load/load_command.h"

int main(int argc, char** argv) {
  using attention::load::CommandLine;
  using attention::load::LoadExitCode;
  // Debian's abseil looks for deadlocks at every lock of gRPC: a twentieth of a
  // request.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const auto parsed = attention::load::ParseLoadCommandLine(argc, argv);
  const auto* code = std::get_if<LoadExitCode>(&parsed);
  const std::vector<std::string> words(argv + 1, argv + argc);
  return static_cast<int>(
      code != nullptr
          ? *code
          : attention::load::RunLoadCommand(
                std::get<CommandLine>(parsed),
                absl::StrCat("attention-load ", absl::StrJoin(words, " "))));
}
