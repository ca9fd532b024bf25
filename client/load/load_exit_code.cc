// What attention-load returns to the shell.
#include "client/load/load_exit_code.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_replace.h"

namespace attention::load {

LoadExitCode Leave(LoadExitCode code, const absl::Status& status) {
  const std::string line = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  std::fprintf(stderr, "attention-load: %s\n", line.c_str());
  return code;
}

}  // namespace attention::load
