// The commands of attention-client.
#ifndef CLIENT_CLI_COMMANDS_H_
#define CLIENT_CLI_COMMANDS_H_

#include "client/cli/command_line.h"
#include "client/cli/exit_code.h"

namespace attention {

// Each prints its result to stdout, or one line about what went wrong to
// stderr, and returns the code to leave with.
ExitCode RunInfo(const CommandLine& line);
ExitCode RunHealth(const CommandLine& line);
ExitCode RunModels(const CommandLine& line);
ExitCode RunAttend(const CommandLine& line);
ExitCode RunSelftest();

}  // namespace attention

#endif  // CLIENT_CLI_COMMANDS_H_
