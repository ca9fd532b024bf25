// Runs random sequences through the engine and compares them with the
// reference.
#ifndef TESTS_SUPPORT_KERNEL_COMPARISON_H_
#define TESTS_SUPPORT_KERNEL_COMPARISON_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "gtest/gtest.h"
#include "tests/support/random_attention.h"

namespace attention {

// Relative to the largest magnitude of the tensor. An f32 sum of n terms is off
// by about sqrt(n) * 6e-8, which is 1e-6 for n = 256; three sums follow each
// other, and errors of scores become errors of weights. Where a layer sums more
// than 256 terms, this grows with their square root.
inline constexpr double kKernelTolerance = 2e-6;

// $ATTENTION_TEST_SEED, 1 without.
std::uint64_t FirstSeed();

std::unique_ptr<Engine> MakeEngine(int num_workers);

// One request of a layer.
struct Call {
  const RandomLayer* layer = nullptr;
  std::span<OwnedSequence> sequences{};
};

// Submits all calls at once, waits for all answers, and expects them to be OK.
void Attend(Engine& engine, const std::vector<Call>& calls);
void Attend(Engine& engine, const RandomLayer& layer,
            std::span<OwnedSequence> sequences);

// Each row sums to 1, or is all zeros.
void ExpectRowsOfWeightsSumToOneOrZero(const OwnedSequence& sequence);

// Contexts and weights are those of the reference, and nothing around them was
// touched. To `f32_tolerance` is added what rounding to the type of the output
// costs.
void ExpectMatchesReference(const RandomLayer& layer, OwnedSequence& sequence,
                            double f32_tolerance = kKernelTolerance);

// Runs the sequences as one request and compares each with the reference.
void ExpectMatchesReference(Engine& engine, const RandomLayer& layer,
                            std::vector<OwnedSequence>& sequences);

// Up to six sequences of different shapes.
std::vector<OwnedSequence> DrawSequences(RandomAttention& random,
                                         const RandomLayer& layer,
                                         const RandomLimits& limits);

// f32 throughout, no mask, weights per head.
SequenceShape PlainShape(const RandomLayer& layer, std::int64_t q_len,
                         std::int64_t kv_len);

// Has an engine of two workers for all tests of a suite.
class KernelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { engine_ = MakeEngine(2).release(); }
  static void TearDownTestSuite() {
    delete engine_;
    engine_ = nullptr;
  }

  static inline Engine* engine_ = nullptr;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_KERNEL_COMPARISON_H_
