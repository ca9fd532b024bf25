// Finds how much a deployment holds.
#ifndef CLIENT_LOAD_SWEEP_H_
#define CLIENT_LOAD_SWEEP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "client/load/objectives.h"
#include "client/load/report.h"
#include "client/load/step.h"
#include "client/load/trial.h"

namespace attention::load {

struct SweepOptions {
  Arrivals arrivals = Arrivals::kPoisson;  // or kConstant
  double first_rate = 10;                  // 20 requests of a step or more
  double max_rate = 1e6;                   // no load goes above it
  // Of each step.
  Seconds warm_up{1};
  Seconds duration{5};
  // The knee is known when the rates around it differ by this factor, which is
  // at least 1.001.
  double resolution = 1.05;
  // Those of throughput are not for a sweep: no low rate could hold them.
  std::vector<Objective> objectives{};
  // Loads past the knee, times its rate.
  std::vector<double> overloads{1.5, 2, 4};
  // How long it may take to recover from each of them.
  Seconds recovery_limit{10};
};

// Doubles the rate until a step holds the objectives no more, halves it while
// not even the first one does (down to 1/64 of it, and to no less than 20
// requests a step), then bisects; goes past the knee; measures how soon the
// deployment recovers. Until the bisection a rate that does not hold is
// measured once more, lest a hiccup at a low rate hides the knee.
//
// A step holds when it is valid, all objectives do, at least 99 % of the
// offered requests were answered, and answers came at 99 % of the rate of the
// requests, but for what chance explains: else a backlog grows, however late it
// may be worked off.
//
// Where the client is the limit, steps say so in `invalid`: no higher rate is
// tried, and the knee is only what the deployment holds at least. Requests that
// were dropped are its limit only when the others held: else the server left
// too many in flight.
//
// Windows of at least 250 ms and about 20 requests follow an overload at once,
// for `recovery_limit` (at least two) whatever they show: they meet the backlog
// that it left. The deployment has recovered where two in a row hold. They are
// too short to be judged by what the client did.
//
// InvalidArgument for options out of range; other errors are those of
// `measure`.
absl::StatusOr<Sweep> RunSweep(const SweepOptions& options, Measure measure);

}  // namespace attention::load

#endif  // CLIENT_LOAD_SWEEP_H_
