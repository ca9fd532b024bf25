// attention-server: flags -> Server -> wait for a signal -> drain -> leave.
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/flags.h"
#include "server/log.h"
#include "server/malloc_tuning.h"
#include "server/server.h"

namespace {

constexpr int kExitBadConfiguration = 2;
constexpr int kExitBroken = 1;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Waits for the first signal; from then on the next one ends the process.
int WaitForStopSignal(const sigset_t& signals) {
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  // A handler, because as process 1 of a container the default action of a
  // signal is to ignore it.
  struct sigaction leave = {};
  leave.sa_handler = [](int number) { std::_Exit(128 + number); };
  sigaction(SIGTERM, &leave, nullptr);
  sigaction(SIGINT, &leave, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return signal_number;
}

int Fail(int exit_code, const absl::Status& status) {
  attention::Log(attention::LogLevel::kError, "start_failed",
                 {{"message", std::string(status.message())}});
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  attention::Flags flags =
      attention::ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (flags.exit_code.has_value()) {
    std::fputs(flags.text.c_str(), *flags.exit_code == 0 ? stdout : stderr);
    return *flags.exit_code;
  }
  // Before there are threads: they inherit the mask, so that only
  // WaitForStopSignal takes the signals.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  attention::TuneMalloc();
  attention::ConfigureLog(flags.options.log_level, flags.options.log_format);

  auto server = attention::Server::Create(std::move(flags.options));
  if (!server.ok()) return Fail(kExitBadConfiguration, server.status());
  const absl::Status warm = (*server)->WarmUp();
  if (!warm.ok()) return Fail(kExitBroken, warm);
  attention::Log(attention::LogLevel::kInfo, "signal",
                 {{"number", std::int64_t{WaitForStopSignal(signals)}}});
  (*server)->Stop();
  return 0;
}
