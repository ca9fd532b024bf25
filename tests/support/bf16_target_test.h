// Runs a test of bf16 once with each set of vector instructions that this CPU
// has, but for those of 512 bits where it has no AVX512_BF16.
#ifndef TESTS_SUPPORT_BF16_TARGET_TEST_H_
#define TESTS_SUPPORT_BF16_TARGET_TEST_H_

#include "core/attention/isa.h"
#include "hwy/highway.h"
#include "tests/support/vector_target_test.h"

namespace attention {

class Bf16TargetTest : public VectorTargetTest {
 protected:
  void SetUp() override {
#if HWY_ARCH_X86
    // Targets are bits; a better one has a smaller value.
    if (GetParam() <= HWY_AVX3 && !HasBf16Products()) {
      GTEST_SKIP() << "this CPU has no AVX512_BF16";
    }
#endif
  }
};

}  // namespace attention

#endif  // TESTS_SUPPORT_BF16_TARGET_TEST_H_
