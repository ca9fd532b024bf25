// Benchmarks of what a layer is made of, to see where time goes.
#ifndef TESTS_BENCH_PARTS_H_
#define TESTS_BENCH_PARTS_H_

namespace attention {

// Registers: Gemm/... (rows times weights), Tile/... (scores and contexts at
// their tile shapes), Softmax and Pack (nanoseconds an element).
void RegisterParts();

}  // namespace attention

#endif  // TESTS_BENCH_PARTS_H_
