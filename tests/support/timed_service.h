// A server whose times are known, to test what measures times.
#ifndef TESTS_SUPPORT_TIMED_SERVICE_H_
#define TESTS_SUPPORT_TIMED_SERVICE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace attention {

// Serves v1.AttentionService and grpc.health.v1 on a free port of 127.0.0.1
// until destroyed; then calls that wait end with UNAVAILABLE. Answers are those
// of attend_answers.h, so there are the models "sdpa" and "minilm/0". Timing
// says how long a call waited for its turn and how long it took, without
// stalls. Messages may have any size. Thread-safe.
class TimedService {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::nanoseconds;

  // What becomes of a call. It ends `delay` after its arrival, or after its
  // turn where the capacity is limited, within what timer_thread.h promises.
  struct Behaviour {
    Duration delay{0};
    absl::Status status{};
  };

  // `servers` calls are served at once, each for its delay, and `queue` more
  // wait for their turn; others are RESOURCE_EXHAUSTED at once. With a fixed
  // delay the knee is at servers / delay calls a second.
  struct Capacity {
    int servers = 1;
    int queue = 0;
  };

  // PEM texts.
  struct Tls {
    std::string certificate{};
    std::string private_key{};
    // Unless empty, clients need a certificate that this one has signed.
    std::string client_ca{};
  };

  struct Options {
    // Of the n-th call, from 0, in the order of their arrivals; called by one
    // thread at a time. A request of AttendStream is a call. Empty: answers at
    // once. It may not use the service.
    std::function<Behaviour(int call)> script{};
    // Without it there is no limit.
    std::optional<Capacity> capacity{};
    std::optional<Tls> tls{};
    // Unless empty, every method but grpc.health.v1 ends with UNAUTHENTICATED
    // without the metadata `authorization: Bearer TOKEN`; such calls are not
    // counted.
    std::string token{};
    // For benchmarks: unless 0, Attend gives contexts [1, null_tokens, 384] to
    // whatever it is sent, at once, and is counted but not recorded. There is
    // no id.
    int null_tokens = 0;
  };

  // What is known of a call.
  struct Call {
    TimePoint arrival{};
    // When its answer was handed to gRPC; none while it waits.
    std::optional<TimePoint> answer{};
    // What it ended with.
    absl::StatusCode code = absl::StatusCode::kOk;
  };

  // Ends the process when the server does not start: no test can go on then.
  explicit TimedService(Options options);
  ~TimedService();
  TimedService(const TimedService&) = delete;
  TimedService& operator=(const TimedService&) = delete;

  int port() const;
  // "127.0.0.1:PORT".
  std::string address() const;

  // Holds all answers back for `duration` from now, refusals too. Only the way
  // back is blocked: servers go on, and what is late by then comes at once.
  void Stall(Duration duration);

  // What grpc.health.v1 says; SERVING at first.
  void SetServing(bool serving);

  // Calls of Attend and requests of AttendStream that have arrived.
  int call_count() const;
  // The same in the order of their arrivals.
  std::vector<Call> calls() const;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_TIMED_SERVICE_H_
