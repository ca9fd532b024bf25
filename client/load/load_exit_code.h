// What attention-load returns to the shell.
#ifndef CLIENT_LOAD_LOAD_EXIT_CODE_H_
#define CLIENT_LOAD_LOAD_EXIT_CODE_H_

#include "absl/status/status.h"

namespace attention::load {

// --help and client/load/README.md list them: CI depends on the numbers.
enum class LoadExitCode : int {
  kOk = 0,
  kObjectiveMissed = 1,  // or a side of a comparison answered nothing
  kUsage = 2,
  kUnreachable = 3,  // or it refuses the client
  kInvalid = 4,      // the client was the bottleneck
  kWrongAnswer = 5,  // --verify found one, or no answer at all
};

// Prints "attention-load: MESSAGE" as one line to stderr and returns `code`.
LoadExitCode Leave(LoadExitCode code, const absl::Status& status);

}  // namespace attention::load

#endif  // CLIENT_LOAD_LOAD_EXIT_CODE_H_
