// The line that shows how a run is going.
#ifndef CLIENT_LOAD_PROGRESS_LINE_H_
#define CLIENT_LOAD_PROGRESS_LINE_H_

#include <cstdint>
#include <string>

#include "client/load/histogram.h"
#include "client/load/step.h"

namespace attention::load {

// What happened in the last moments of a run.
struct Progress {
  Load load{};
  Seconds elapsed{0};  // since the start of the step, warm-up included
  Seconds total{0};
  bool is_warm_up = false;
  Seconds window{0};  // that the following counts
  std::int64_t ended[kEndings] = {};
  Histogram latency{};  // of the answered
  std::int64_t in_flight = 0;
};

// At most 79 columns, without a line break:
// "  3.0/10 s  500/s  answered 498/s  p50 4.10 ms  p99 9.80 ms  errors 0  ..."
std::string ProgressLine(const Progress& progress);

}  // namespace attention::load

#endif  // CLIENT_LOAD_PROGRESS_LINE_H_
