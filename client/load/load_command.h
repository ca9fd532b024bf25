// attention-load at work: from its command line to its reports.
#ifndef CLIENT_LOAD_LOAD_COMMAND_H_
#define CLIENT_LOAD_LOAD_COMMAND_H_

#include <string>

#include "client/load/command_line.h"
#include "client/load/load_exit_code.h"

namespace attention::load {

// `command` is the command line as it was typed, for the reports.
LoadExitCode RunLoadCommand(const CommandLine& line,
                            const std::string& command);

}  // namespace attention::load

#endif  // CLIENT_LOAD_LOAD_COMMAND_H_
