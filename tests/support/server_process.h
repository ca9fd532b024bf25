// attention-server as a process of its own, for exit codes and signals.
#ifndef TESTS_SUPPORT_SERVER_PROCESS_H_
#define TESTS_SUPPORT_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace attention {

// Starts the binary of the environment variable ATTENTION_SERVER_BINARY and
// reads what it logs. Kills it when destroyed.
class ServerProcess {
 public:
  explicit ServerProcess(const std::vector<std::string>& args);
  ~ServerProcess();

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Reads its log up to the first line that holds `text`; empty when the log
  // ends before.
  std::string WaitForLine(const std::string& text);

  // Waits until it serves. "127.0.0.1:PORT" of gRPC; empty when the log ends
  // before.
  std::string WaitForAddress();

  // CPU time that it has used, user and system.
  double CpuSeconds() const;

  void Signal(int signal_number) const;

  // Lets it open no more than so many files.
  void LimitFiles(int max_files) const;

  // Waits for its end. The exit code, or 1000 and the number of the signal that
  // ended it.
  int Wait();

  // Everything logged so far.
  const std::string& log() const { return log_; }

 private:
  pid_t pid_ = -1;
  std::FILE* stderr_ = nullptr;
  std::string log_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_SERVER_PROCESS_H_
