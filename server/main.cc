// attention-server: flags -> Server -> wait for a signal -> drain -> leave.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/base/file_limit.h"
#include "server/base/log.h"
#include "server/base/malloc_tuning.h"
#include "server/base/signals.h"
#include "server/flags.h"
#include "server/server.h"

namespace {

constexpr int kExitBadConfiguration = 2;
constexpr int kExitBroken = 1;

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
  const auto started = std::chrono::steady_clock::now();
  attention::TuneMalloc();
  attention::RaiseFileLimit();
  attention::StopSignals signals;
  attention::ConfigureLog(flags.options.log_level, flags.options.log_format);

  auto server = attention::Server::Create(std::move(flags.options));
  if (!server.ok()) return Fail(kExitBadConfiguration, server.status());
  const absl::Status warm = (*server)->WarmUp();
  if (!warm.ok()) return Fail(kExitBroken, warm);
  signals.DrainOnSignal();
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - started;
  attention::Log(attention::LogLevel::kInfo, "ready",
                 {{"grpc_port", std::int64_t{(*server)->ports().grpc}},
                  {"seconds", seconds.count()}});
  const int number = signals.Wait();
  attention::Log(attention::LogLevel::kInfo, "signal",
                 {{"number", std::int64_t{number}}});
  (*server)->Stop();
  return 0;
}
