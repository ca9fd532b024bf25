// A server that answers at once and computes nothing, to measure clients with.
//
//   null_server [TOKENS]
//
// Prints "grpc_port=N" and serves on that port of 127.0.0.1 until SIGTERM or
// SIGINT. Every Attend gets the contexts of so many tokens of minilm/0 (1).
#include <signal.h>

#include <cstdio>

#include "absl/strings/numbers.h"
#include "tests/support/timed_service.h"

int main(int argc, char** argv) {
  int tokens = 1;
  if (argc > 2 || (argc == 2 && !absl::SimpleAtoi(argv[1], &tokens)) ||
      tokens < 1 || tokens > 65536) {
    std::fputs("null_server takes one argument: tokens, 1 to 65536\n", stderr);
    return 2;
  }

  // Before there are other threads, which inherit it: only sigwait takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const attention::TimedService service({.null_tokens = tokens});
  std::printf("grpc_port=%d\n", service.port());
  std::fflush(stdout);
  int number = 0;
  sigwait(&signals, &number);
  return 0;
}
