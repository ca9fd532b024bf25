// The most that this machine can multiply and add at this moment.
#ifndef TESTS_BENCH_FMA_PEAK_H_
#define TESTS_BENCH_FMA_PEAK_H_

namespace attention {

// Runs independent f32 fused multiply-adds on `threads` threads for about three
// milliseconds and returns 10^9 floating-point operations a second, all threads
// together. Clocks move and machines are shared, so measure it beside whatever
// is compared with it.
double MeasureFmaPeak(int threads);

}  // namespace attention

#endif  // TESTS_BENCH_FMA_PEAK_H_
