// Runs a command as a user would and keeps what it says.
#include "tests/client/run_command.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace attention {
namespace {

std::string ReadAndRemove(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);
  return text.str();
}

}  // namespace

std::string TempPath(const std::string& name) {
  return absl::StrCat(::testing::TempDir(), "/attention-", getpid(), "-", name);
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

CommandResult RunCommand(const std::string& command) {
  const std::string out = TempPath("out");
  const std::string err = TempPath("err");
  const int status = std::system(  // NOLINT(concurrency-mt-unsafe)
      absl::StrCat("{ ", command, "; } >", Quoted(out), " 2>", Quoted(err))
          .c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = ReadAndRemove(out),
          .err = ReadAndRemove(err)};
}

}  // namespace attention
