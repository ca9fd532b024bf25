// Proves that the kernel, through the engine that serves it, says what the
// reference says: for random shapes and for every size of every axis. A failure
// prints its seed; ATTENTION_TEST_SEED=seed starts there.
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_comparison.h"
#include "tests/support/random_attention.h"

namespace attention {
namespace {

using KernelReferenceTest = KernelTest;

// `count` layers, each with a request of its own.
void CompareRandomLayers(Engine& engine, int count,
                         const RandomLimits& limits) {
  const std::uint64_t first = FirstSeed();
  for (std::uint64_t seed = first;
       seed < first + static_cast<std::uint64_t>(count); ++seed) {
    RandomAttention random = RandomUnderTest(seed);
    const RandomLayer layer = random.DrawLayer(limits);
    std::vector<OwnedSequence> sequences = DrawSequences(random, layer, limits);

    SCOPED_TRACE(absl::StrCat("ATTENTION_TEST_SEED=", seed));
    ExpectMatchesReference(engine, layer, sequences);
    for (const OwnedSequence& sequence : sequences) {
      ExpectRowsOfWeightsSumToOneOrZero(sequence);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST_F(KernelReferenceTest, SmallRandomShapesMatchTheReference) {
  CompareRandomLayers(
      *engine_, 600,
      {.len = 40, .heads = 8, .head_dim = 40, .width = 70, .work = 3e5});
}

TEST_F(KernelReferenceTest, AnyRandomShapeMatchesTheReference) {
  CompareRandomLayers(*engine_, 200, {});
}

TEST_F(KernelReferenceTest, LargeRandomShapesMatchTheReference) {
  CompareRandomLayers(*engine_, 12, {.work = 1e8});
}

TEST_F(KernelReferenceTest, EveryNumberOfKeysMatchesTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({2, 1, 16, 16});
  std::vector<OwnedSequence> sequences;
  for (std::int64_t kv_len = 0; kv_len <= 600; ++kv_len) {
    SequenceShape shape = PlainShape(layer, 1 + kv_len % 9, kv_len);
    // In turn the two ways of the softmax, with and without weights, each with
    // and without the masks that change where a row ends.
    shape.attn_weights =
        kv_len % 2 == 0 ? AttnWeights::kNone : AttnWeights::kPerHead;
    shape.mask = kv_len % 3 == 0 ? RandomMask::kBoolean : RandomMask::kNone;
    sequences.push_back(random.MakeSequence(layer, shape));
  }
  ExpectMatchesReference(*engine_, layer, sequences);
}

TEST_F(KernelReferenceTest, EveryNumberOfQueriesMatchesTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({2, 2, 16, 16});
  std::vector<OwnedSequence> sequences;
  for (std::int64_t q_len = 1; q_len <= 600; ++q_len) {
    SequenceShape shape = PlainShape(layer, q_len, 1 + q_len % 9);
    shape.attn_weights =
        q_len % 2 == 0 ? AttnWeights::kNone : AttnWeights::kHeadAverage;
    shape.is_causal = q_len % 3 == 0;
    sequences.push_back(random.MakeSequence(layer, shape));
  }
  ExpectMatchesReference(*engine_, layer, sequences);
}

TEST_F(KernelReferenceTest, EveryWidthOfAHeadMatchesTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  for (std::int64_t head_dim = 1; head_dim <= 256; ++head_dim) {
    const RandomLayer layer = random.MakeSdpa({2, 1, head_dim, 257 - head_dim});
    std::vector<OwnedSequence> sequences;
    sequences.push_back(
        random.MakeSequence(layer, PlainShape(layer, 1 + head_dim % 20, 19)));
    ExpectMatchesReference(*engine_, layer, sequences);
  }
}

TEST_F(KernelReferenceTest, EveryNumberOfHeadsAndGroupsMatchesTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  for (std::int64_t heads = 1; heads <= 32; ++heads) {
    for (std::int64_t kv_heads = 1; kv_heads <= heads; ++kv_heads) {
      if (heads % kv_heads != 0) continue;
      const RandomLayer layer = random.MakeSdpa({heads, kv_heads, 8, 5});
      std::vector<OwnedSequence> sequences;
      for (const AttnWeights kind :
           {AttnWeights::kNone, AttnWeights::kHeadAverage,
            AttnWeights::kPerHead}) {
        SequenceShape shape = PlainShape(layer, 7, 18);
        shape.attn_weights = kind;
        sequences.push_back(random.MakeSequence(layer, shape));
      }
      ExpectMatchesReference(*engine_, layer, sequences);
    }
  }
}

TEST_F(KernelReferenceTest, EveryWidthOfAModelMatchesTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  for (std::int64_t width = 1; width <= 130; ++width) {
    const RandomLayer layer =
        random.MakeProjected({2, 1, 1 + width % 7, 3}, width, 131 - width,
                             1 + width / 2, DType::kF32, width % 2 == 0);
    std::vector<OwnedSequence> sequences;
    sequences.push_back(random.MakeSequence(
        layer, PlainShape(layer, 1 + width % 33, 1 + width % 23)));
    ExpectMatchesReference(*engine_, layer, sequences);
  }
}

TEST_F(KernelReferenceTest, LongSequencesMatchTheReference) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({2, 1, 32, 32});
  std::vector<OwnedSequence> sequences;
  for (const AttnWeights kind :
       {AttnWeights::kNone, AttnWeights::kHeadAverage, AttnWeights::kPerHead}) {
    for (const RandomMask mask :
         {RandomMask::kNone, RandomMask::kBoolean, RandomMask::kFloat}) {
      for (const bool is_causal : {false, true}) {
        SequenceShape shape = PlainShape(layer, 40, 4099);
        if (is_causal) shape.q_len = shape.kv_len = 1100;
        shape.attn_weights = kind;
        shape.mask = mask;
        shape.is_causal = is_causal;
        sequences.push_back(random.MakeSequence(layer, shape));
      }
    }
  }
  ExpectMatchesReference(*engine_, layer, sequences);
}

}  // namespace
}  // namespace attention
