// Benchmarks of what a layer is made of, to see where time goes.
#ifndef TESTS_BENCH_PARTS_H_
#define TESTS_BENCH_PARTS_H_

#include "core/tensor/dtype.h"

namespace attention {

// Registers: Gemm/... (rows times weights), Tile/... (scores and contexts at
// their tile shapes), Softmax and Pack (nanoseconds an element), computed in
// `dtype`.
void RegisterParts(DType dtype);

}  // namespace attention

#endif  // TESTS_BENCH_PARTS_H_
