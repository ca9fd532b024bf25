// Service level objectives: what --slo promises.
#ifndef CLIENT_LOAD_OBJECTIVES_H_
#define CLIENT_LOAD_OBJECTIVES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/load/step.h"

namespace attention::load {

struct Objective {
  enum class Kind : std::uint8_t {
    kLatency,  // a percentile of the answered, at most `limit` milliseconds
    kErrors,   // refused, expired, failed and dropped, at most `limit` per cent
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
// requests a second. A latency of no answer at all is infinite.
double ValueOf(const Objective& objective, const Step& step);

bool Holds(const Objective& objective, const Step& step);

}  // namespace attention::load

#endif  // CLIENT_LOAD_OBJECTIVES_H_
