// attention-load at work: from its command line to its reports.
#ifndef CLIENT_LOAD_LOAD_COMMAND_H_
#define CLIENT_LOAD_LOAD_COMMAND_H_

#include <string>

#include "client/load/command_line.h"
#include "client/load/load_exit_code.h"

namespace attention::load {

// `command` is what reports show: the words of the command line.
LoadExitCode RunLoadCommand(const CommandLine& line,
                            const std::string& command);

}  // namespace attention::load

#endif  // CLIENT_LOAD_LOAD_COMMAND_H_
