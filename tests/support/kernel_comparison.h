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

// The same where the layer computes in bf16, whose 8 bits are half a unit of
// 4e-3 off. Seven roundings follow each other (inputs, parameters, queries,
// keys, values, weights, contexts), and with heads of width 2 nothing averages
// them: the largest error of 24,000 random layers was 4.3e-2.
inline constexpr double kBf16KernelTolerance = 5e-2;

// Of a layer that computes in `compute_dtype`.
double KernelTolerance(DType compute_dtype);

// $ATTENTION_TEST_SEED, 1 without.
std::uint64_t FirstSeed();

// Draws from `seed` layers that compute in $ATTENTION_TEST_COMPUTE_DTYPE,
// "bf16" or, without, "f32".
RandomAttention RandomUnderTest(std::uint64_t seed);

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
// touched. To `tolerance` is added what rounding to the type of the output
// costs.
void ExpectMatchesReference(const RandomLayer& layer, OwnedSequence& sequence,
                            double tolerance);

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
  void SetUp() override;

  static void SetUpTestSuite() { engine_ = MakeEngine(2).release(); }
  static void TearDownTestSuite() {
    delete engine_;
    engine_ = nullptr;
  }

  static inline Engine* engine_ = nullptr;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_KERNEL_COMPARISON_H_
