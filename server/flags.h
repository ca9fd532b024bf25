// The command line, environment and configuration file of the server.
#ifndef SERVER_FLAGS_H_
#define SERVER_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "server/base/options.h"

namespace attention {

// What the flags ask for.
struct Flags {
  ServerOptions options{};
  // Set when the process should end at once: 0 after --help, --version,
  // --print-config and --check-config, 2 after a mistake.
  std::optional<int> exit_code{};
  // What to print first: to stdout when exit_code is 0, else to stderr.
  std::string text{};
};

// Reads flags, then ATTENTION_* variables, then the file of --config; the first
// that names a value wins. `args` holds no program name.
Flags ParseFlags(std::vector<std::string> args);

}  // namespace attention

#endif  // SERVER_FLAGS_H_
