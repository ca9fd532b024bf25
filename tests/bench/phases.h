// Benchmarks of the phases of a layer, on one thread and without the engine.
#ifndef TESTS_BENCH_PHASES_H_
#define TESTS_BENCH_PHASES_H_

#include "tests/bench/layer_workload.h"

namespace attention {

// Registers Phases/...: the share of the FMA peak that projecting queries, keys
// and values, attending, and projecting contexts each reach, with their packing
// and softmax, and that of all together.
void RegisterPhases(const LayerShape& shape);

}  // namespace attention

#endif  // TESTS_BENCH_PHASES_H_
