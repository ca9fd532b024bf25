// SIGTERM and SIGINT: the first ends a server that is ready with a drain, any
// other ends the process at once.
#ifndef SERVER_BASE_SIGNALS_H_
#define SERVER_BASE_SIGNALS_H_

#include <memory>

namespace attention {

// One object a process, made before there are other threads: they inherit the
// signal mask, so that only the thread of this one takes the signals.
class StopSignals {
 public:
  // From here to DrainOnSignal a signal ends the process with 128 + its number:
  // there is nothing to drain.
  StopSignals();

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From here on the first signal ends Wait, and the next one the process.
  void DrainOnSignal();

  // Returns the number of the first signal after DrainOnSignal.
  int Wait();

 private:
  struct State;

  // Shared with the thread, which lives as long as the process.
  const std::shared_ptr<State> state_;
};

}  // namespace attention

#endif  // SERVER_BASE_SIGNALS_H_
