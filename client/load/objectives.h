// Service level objectives: what --slo promises.
#ifndef CLIENT_LOAD_OBJECTIVES_H_
#define CLIENT_LOAD_OBJECTIVES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/load/step.h"

namespace attention::load {

struct Objective {
  enum class Kind : std::uint8_t {
    // A percentile of the offered, at most `limit` milliseconds. What was not
    // answered is infinitely late: who sheds load does not get faster by it.
    kLatency,
    kErrors,  // refused, expired, failed and dropped, at most `limit` per cent
    kThroughput,  // answered a second, at least `limit`
  };
  Kind kind = Kind::kLatency;
  double percent = 0;  // kLatency only, (0, 100]
  double limit = 0;

  // As --slo takes it: "p99=50ms", "errors=0.1%", "rate=1000".
  std::string ToString() const;
};

// Objectives separated by commas: pN=TIME with us, ms or s, up to an hour
// ("p99.9=50ms"; max is p100), errors=N (requests per hundred, % may follow),
// rate=N (answered a second). InvalidArgument says which part is wrong and what
// is taken; the same thing twice is wrong.
absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text);

// What the step shows, in the objective's unit: milliseconds, per cent or
// requests a second. A latency is infinite when the percentile is a request
// that was not answered: p99 when more than 1 % were not.
double ValueOf(const Objective& objective, const Step& step);

bool Holds(const Objective& objective, const Step& step);

// The latency that is allowed to all but a few: that of the highest percentile.
// Of p50=5ms,p99=50ms it is 50 ms, as half may take longer than 5 ms. None
// without one.
std::optional<Histogram::Duration> LatencyLimit(
    const std::vector<Objective>& objectives);

// Answers a second that are of use: those within `limit`, and no more than came
// in the measured part; without a limit all that came.
double Goodput(const Step& step, std::optional<Histogram::Duration> limit);

}  // namespace attention::load

#endif  // CLIENT_LOAD_OBJECTIVES_H_
