// Deployments whose capacity is known, for sweeps that take no time.
#ifndef TESTS_CLIENT_LOAD_SIMULATED_DEPLOYMENT_H_
#define TESTS_CLIENT_LOAD_SIMULATED_DEPLOYMENT_H_

#include <chrono>
#include <functional>
#include <limits>

#include "absl/status/statusor.h"
#include "client/load/step.h"
#include "client/load/sweep.h"

namespace attention::load {

// 100 requests at the rate of the trial, each answered in `latency`.
Step StepOf(const Trial& trial, std::chrono::milliseconds latency);

// Answers each trial by itself.
Measure EachBy(std::function<absl::StatusOr<Step>(const Trial&)> measure);

// A queue before one server that takes 1 / capacity for a request and refuses
// those that would wait longer than `longest_wait` seconds. Its time goes on
// over the trials of a call; between calls it comes to rest.
Measure QueueOf(double capacity,
                double longest_wait = std::numeric_limits<double>::infinity());

// From `first_rate` on, for p99=50ms, without overloads; a step takes 5 s, or
// as long as it has to.
SweepOptions KneeOptions(double first_rate);

}  // namespace attention::load

#endif  // TESTS_CLIENT_LOAD_SIMULATED_DEPLOYMENT_H_
