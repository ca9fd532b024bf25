// Benchmarks of what a layer is made of, to see where time goes.
#ifndef TESTS_BENCH_PARTS_H_
#define TESTS_BENCH_PARTS_H_

namespace attention {

// Registers: Gemm/... (the products of each phase at their tile shapes),
// Softmax (elements per nanosecond) and Pack.
void RegisterParts();

}  // namespace attention

#endif  // TESTS_BENCH_PARTS_H_
