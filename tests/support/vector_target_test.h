// Runs a test once with each set of vector instructions that this CPU has.
#ifndef TESTS_SUPPORT_VECTOR_TARGET_TEST_H_
#define TESTS_SUPPORT_VECTOR_TARGET_TEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "hwy/targets.h"

namespace attention {

// The parameter is Highway's number of the instruction set, and only that is
// used while the test runs.
class VectorTargetTest : public testing::TestWithParam<std::int64_t> {
 protected:
  VectorTargetTest() { Use(GetParam()); }
  ~VectorTargetTest() override { Use(0); }

 private:
  // Highway remembers what it chose at the first call.
  static void Use(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

inline std::string VectorTargetName(
    const testing::TestParamInfo<std::int64_t>& target) {
  return hwy::TargetName(target.param);
}

}  // namespace attention

// `fixture` is VectorTargetTest or a class that extends it.
#define ATTENTION_ON_EVERY_VECTOR_TARGET(fixture)             \
  INSTANTIATE_TEST_SUITE_P(                                   \
      Targets, fixture,                                       \
      testing::ValuesIn(hwy::SupportedAndGeneratedTargets()), \
      attention::VectorTargetName)

#endif  // TESTS_SUPPORT_VECTOR_TARGET_TEST_H_
