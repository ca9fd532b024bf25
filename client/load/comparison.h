// Two deployments under the same load, turn by turn.
#ifndef CLIENT_LOAD_COMPARISON_H_
#define CLIENT_LOAD_COMPARISON_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/report.h"
#include "client/load/trial.h"

namespace attention::load {

// Measures A B A B ..., `rounds` of each (at least 2), and compares the turns
// of a round: answered/s, p50 and p99 of the answered. A ratio is left out when
// some turn answered nothing: what the other rounds say would flatter. The
// names of the comparison are the caller's to fill in. InvalidArgument for less
// than 2 rounds; other errors are those of `a` and `b`.
absl::StatusOr<Comparison> RunComparison(const Trial& trial, int rounds,
                                         Measure a, Measure b);

// Geometric mean of b[i] / a[i] and its confidence interval by Student's t over
// the logarithms: one of three that hold together with 95 % confidence, so that
// of 20 comparisons of equals one finds a difference in any of them. REQUIRES:
// as many of both, at least 2, all positive.
Ratio RatioOf(const std::string& name, const std::vector<double>& a,
              const std::vector<double>& b);

}  // namespace attention::load

#endif  // CLIENT_LOAD_COMPARISON_H_
