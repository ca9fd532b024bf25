#include "tests/support/server_process.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace attention {

ServerProcess::ServerProcess(const std::vector<std::string>& args) {
  const char* binary = std::getenv("ATTENTION_SERVER_BINARY");
  int pipe_ends[2];
  if (binary == nullptr || pipe(pipe_ends) != 0) {
    std::fprintf(stderr, "ATTENTION_SERVER_BINARY is not set\n");
    std::abort();
  }
  std::vector<char*> argv = {const_cast<char*>(binary)};
  for (const std::string& arg : args) {
    argv.push_back(const_cast<char*>(arg.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
  posix_spawn_file_actions_addclose(&actions, pipe_ends[1]);
  if (posix_spawn(&pid_, binary, &actions, nullptr, argv.data(), environ) !=
      0) {
    std::fprintf(stderr, "cannot start %s\n", binary);
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  stderr_ = fdopen(pipe_ends[0], "r");
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  std::fclose(stderr_);
}

std::string ServerProcess::WaitForLine(const std::string& text) {
  char buffer[4096];
  while (std::fgets(buffer, sizeof(buffer), stderr_) != nullptr) {
    log_ += buffer;
    if (std::string(buffer).find(text) != std::string::npos) return buffer;
  }
  return "";
}

std::string ServerProcess::WaitForAddress() {
  const std::string line = WaitForLine(" ready ");
  const std::string name = "grpc_port=";
  const std::size_t at = line.find(name);
  if (at == std::string::npos) return "";
  return absl::StrCat("127.0.0.1:", std::atoi(line.c_str() + at + name.size()));
}

double ServerProcess::CpuSeconds() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/stat"));
  std::string line;
  std::getline(file, line);
  // utime and stime are the 12th and 13th field after the name in parentheses.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(line.substr(name_end + 2), ' ');
  double ticks = 0;
  for (const std::size_t field : {11, 12}) {
    double value = 0;
    if (field < fields.size() && absl::SimpleAtod(fields[field], &value)) {
      ticks += value;
    }
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void ServerProcess::Signal(int signal_number) const {
  kill(pid_, signal_number);
}

void ServerProcess::LimitFiles(int max_files) const {
  const auto files = static_cast<rlim_t>(max_files);
  const rlimit limit = {.rlim_cur = files, .rlim_max = files};
  prlimit(pid_, RLIMIT_NOFILE, &limit, nullptr);
}

int ServerProcess::Wait() {
  // What it logs until its end.
  char buffer[4096];
  while (std::fgets(buffer, sizeof(buffer), stderr_) != nullptr) {
    log_ += buffer;
  }
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace attention
