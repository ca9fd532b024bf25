// Reports with figures that are known beforehand.
#ifndef TESTS_CLIENT_LOAD_SAMPLE_REPORTS_H_
#define TESTS_CLIENT_LOAD_SAMPLE_REPORTS_H_

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "client/load/report.h"

namespace attention::load {

// `count` durations of which `percent` per cent are at most the milliseconds
// beside it, and those between as a long tail has them.
Histogram Spread(std::int64_t count,
                 const std::vector<std::pair<double, double>>& milliseconds);

// 1,002 requests/s for 10 s: 10,020 offered, 10,000 answered, 12 refused,
// 3 expired, 1 failed, 4 dropped. Answered within p50 4 ms, p90 6 ms, p95 8 ms,
// p99 20 ms, p99.9 80 ms, max 250 ms; from the sending p99 12 ms; 50 verified;
// 159,000 tokens; 15 MB sent and 12 MB received; objectives p99=50ms held at
// 20 ms, errors=0.1% missed at 0.2 %.
Report StepReport();

// The knee is 2,828/s, the sixth step of seven. Twice the knee has 2,400/s of
// goodput and recovers in 1.25 s; four times does not recover.
Report SweepReport();

// Three turns each of "old:8001" and "new:8001". The ratios B / A: answered/s
// 1.02 (0.97 to 1.07), p50 0.8 (0.75 to 0.85), p99 1.3 (1.2 to 1.4).
Report ComparisonReport();

}  // namespace attention::load

#endif  // TESTS_CLIENT_LOAD_SAMPLE_REPORTS_H_
