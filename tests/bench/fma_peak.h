// The most that this machine can multiply and add at this moment.
#ifndef TESTS_BENCH_FMA_PEAK_H_
#define TESTS_BENCH_FMA_PEAK_H_

#include "core/tensor/dtype.h"

namespace attention {

// Runs independent multiply-adds of f32, or of pairs of bf16 added to f32
// (REQUIRES: HasBf16Products()), on `threads` threads for about three
// milliseconds and returns 10^9 floating-point operations a second, all threads
// together. Clocks move and machines are shared, so measure it beside whatever
// is compared with it.
double MeasureFmaPeak(int threads, DType dtype = DType::kF32);

}  // namespace attention

#endif  // TESTS_BENCH_FMA_PEAK_H_
