// Runs a command as a user would and keeps what it says.
#ifndef TESTS_CLIENT_RUN_COMMAND_H_
#define TESTS_CLIENT_RUN_COMMAND_H_

#include <string>

namespace attention {

struct CommandResult {
  int exit_code = -1;  // -1: it did not end by itself
  std::string out{};
  std::string err{};
};

// Runs `command` in a shell, with stdout and stderr going to files.
CommandResult RunCommand(const std::string& command);

// Puts a value between single quotes for the shell.
std::string Quoted(const std::string& text);

// A path in the test's own directory for temporary files.
std::string TempPath(const std::string& name);

}  // namespace attention

#endif  // TESTS_CLIENT_RUN_COMMAND_H_
