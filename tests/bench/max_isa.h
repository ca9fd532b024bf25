// Which vector instructions a benchmark may use, by an environment variable.
#ifndef TESTS_BENCH_MAX_ISA_H_
#define TESTS_BENCH_MAX_ISA_H_

namespace attention {

// Applies ATTENTION_BENCH_MAX_ISA, which is any, avx2 or avx512. Ends the
// program when it is something else. Only before the first kernel call.
void LimitIsaByEnvironment();

}  // namespace attention

#endif  // TESTS_BENCH_MAX_ISA_H_
