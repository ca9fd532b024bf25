// Proves what must hold for whatever the kernel is given: masked rows, extreme
// numbers, the order of keys, and that sequences know nothing of each other. A
// failure prints its seed; ATTENTION_TEST_SEED=seed starts there.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_comparison.h"
#include "tests/support/random_attention.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

using ::testing::Each;

// Scores of 1e4 are rounded to 1e-3, and so are weights relative to each other.
constexpr double kLargeScoreTolerance = 1e-2;

// In bf16 they are rounded to 30: any weights may come, but they sum to 1.
constexpr double kAnyWeights = 2;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using KernelPropertyTest = KernelTest;

// Every element of the mask leaves its key out.
void ExcludeEverything(OwnedSequence& sequence) {
  for (std::int64_t row = 0; row < sequence.mask.rows(); ++row) {
    for (std::int64_t key = 0; key < sequence.mask.width(); ++key) {
      sequence.mask.Set(row, key,
                        sequence.mask.dtype() == DType::kBool ? 0 : -kInfinity);
    }
  }
}

TEST_F(KernelPropertyTest, FullyMaskedRowsGiveZerosAndTheBiasOfOutProj) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer sdpa = random.MakeSdpa({4, 2, 8, 8});
  const RandomLayer model =
      random.MakeProjected({4, 2, 8, 8}, 20, 20, 20, DType::kF32, true);
  for (const RandomLayer* layer : {&sdpa, &model}) {
    std::vector<OwnedSequence> sequences;
    for (const RandomMask mask : {RandomMask::kBoolean, RandomMask::kFloat}) {
      for (const AttnWeights kind :
           {AttnWeights::kNone, AttnWeights::kHeadAverage,
            AttnWeights::kPerHead}) {
        for (const std::int64_t kv_len : {0, 1, 37, 600}) {
          SequenceShape shape = PlainShape(*layer, 21, kv_len);
          shape.mask = mask;
          shape.attn_weights = kind;
          sequences.push_back(random.MakeSequence(*layer, shape));
          ExcludeEverything(sequences.back());
        }
      }
    }

    Attend(*engine_, *layer, sequences);

    for (const OwnedSequence& sequence : sequences) {
      SCOPED_TRACE(sequence.shape.ToString());
      EXPECT_THAT(sequence.attn_weights.Dense(), Each(0.0));
      std::vector<double> row(static_cast<std::size_t>(layer->context_width));
      if (layer->model != nullptr) {
        row = ToDoubles(layer->weights()->out_proj.bias.data, DType::kF32,
                        layer->context_width);
      }
      const std::vector<double> contexts = sequence.contexts.Dense();
      for (std::size_t i = 0; i < contexts.size(); ++i) {
        ASSERT_EQ(contexts[i], row[i % row.size()]) << "context " << i;
      }
    }
  }
}

TEST_F(KernelPropertyTest, LargeScoresStayFinite) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({2, 2, 24, 24});
  std::vector<OwnedSequence> sequences;
  for (const std::int64_t kv_len : {1, 40, 1100}) {
    for (const AttnWeights kind : {AttnWeights::kNone, AttnWeights::kPerHead}) {
      for (const float scale : {-1e4F, -1e3F, 1e3F, 1e4F}) {
        SequenceShape shape = PlainShape(layer, 17, kv_len);
        shape.scale = scale * layer.spec.DefaultScale();
        shape.attn_weights = kind;
        sequences.push_back(random.MakeSequence(layer, shape));
      }
    }
  }

  Attend(*engine_, layer, sequences);

  for (OwnedSequence& sequence : sequences) {
    SCOPED_TRACE(sequence.shape.ToString());
    ExpectMatchesReference(layer, sequence,
                           layer.spec.compute_dtype == DType::kF32
                               ? kLargeScoreTolerance
                               : kAnyWeights);
    if (sequence.shape.attn_weights == AttnWeights::kPerHead) {
      ExpectRowsOfWeightsSumToOneOrZero(sequence);
    }
  }
}

// Some models write the lowest finite number where they mean -Inf.
TEST_F(KernelPropertyTest, LowestFiniteMaskWorksAsInPyTorch) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({1, 1, 8, 8});
  std::vector<OwnedSequence> sequences;
  for (const AttnWeights kind : {AttnWeights::kNone, AttnWeights::kPerHead}) {
    SequenceShape shape = PlainShape(layer, 9, 700);
    shape.mask = RandomMask::kFloat;
    shape.attn_weights = kind;
    sequences.push_back(random.MakeSequence(layer, shape));
    // Row 0 has it everywhere, the others from key 9 - row on.
    for (std::int64_t row = 0; row < 9; ++row) {
      for (std::int64_t key = 0; key < 700; ++key) {
        const bool low = row == 0 || key > 9 - row;
        sequences.back().mask.Set(
            row, key, low ? std::numeric_limits<float>::lowest() : 0);
      }
    }
  }
  ExpectMatchesReference(*engine_, layer, sequences);
}

TEST_F(KernelPropertyTest, PermutingKeysWithTheirValuesChangesNothing) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({3, 3, 20, 20});
  for (const std::int64_t kv_len : {2, 33, 600, 1500}) {
    SequenceShape shape = PlainShape(layer, 10, kv_len);
    shape.attn_weights = AttnWeights::kNone;
    std::vector<OwnedSequence> sequences;
    sequences.push_back(random.MakeSequence(layer, shape));
    sequences.push_back(sequences.front());
    const std::vector<double> keys = sequences[0].keys.Dense();
    const std::vector<double> values = sequences[0].values.Dense();
    for (std::int64_t k = 0; k < kv_len; ++k) {
      for (std::int64_t i = 0; i < layer.key_width; ++i) {
        const std::int64_t from = (kv_len - 1 - k) * layer.key_width + i;
        sequences[1].keys.Set(k, i, static_cast<float>(keys[from]));
        sequences[1].values.Set(k, i, static_cast<float>(values[from]));
      }
    }

    Attend(*engine_, layer, sequences);

    const LargestError error = CompareTensors(sequences[0].contexts.Dense(),
                                              sequences[1].contexts.Dense());
    EXPECT_LE(error.relative, 2 * KernelTolerance(layer.spec.compute_dtype))
        << error.ToString();
  }
}

TEST_F(KernelPropertyTest, NanReachesWhatDependsOnItInItsSequence) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer = random.MakeSdpa({2, 2, 16, 16});
  for (const std::int64_t kv_len : {5, 70, 1100}) {
    for (const AttnWeights kind : {AttnWeights::kNone, AttnWeights::kPerHead}) {
      SequenceShape shape = PlainShape(layer, 20, kv_len);
      shape.attn_weights = kind;
      std::vector<OwnedSequence> sequences;
      for (int i = 0; i < 3; ++i) {
        sequences.push_back(random.MakeSequence(layer, shape));
      }
      sequences[0].queries.Set(7, 3, kNan);
      sequences[1].keys.Set(kv_len - 1, 20, kNan);
      sequences[2].values.Set(kv_len / 2, 9, kNan);

      ExpectMatchesReference(*engine_, layer, sequences);
    }
  }
}

void Spoil(StridedRows& rows, float value) {
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    for (std::int64_t column = 0; column < rows.width(); ++column) {
      rows.Set(row, column, value);
    }
  }
}

TEST_F(KernelPropertyTest, NanAndInfStayInTheirSequence) {
  const RandomLimits limits{
      .len = 150, .heads = 6, .head_dim = 40, .width = 70, .work = 1e6};
  const std::uint64_t first = FirstSeed();
  for (std::uint64_t seed = first; seed < first + 60; ++seed) {
    SCOPED_TRACE(absl::StrCat("ATTENTION_TEST_SEED=", seed));
    RandomAttention random = RandomUnderTest(seed);
    const RandomLayer layer = random.DrawLayer(limits);
    std::vector<OwnedSequence> clean;
    for (int i = 0; i < 7; ++i) {
      clean.push_back(
          random.MakeSequence(layer, random.DrawShape(layer, limits)));
    }
    std::vector<OwnedSequence> spoilt = clean;
    for (std::size_t i = 1; i < spoilt.size(); i += 2) {
      const float value = i == 1 ? kNan : i == 3 ? kInfinity : -kInfinity;
      Spoil(spoilt[i].queries, value);
      Spoil(spoilt[i].keys, value);
      Spoil(spoilt[i].values, value);
    }

    Attend(*engine_, layer, clean);
    Attend(*engine_, layer, spoilt);

    // Not EXPECT_EQ, which would print every byte.
    for (std::size_t i = 0; i < clean.size(); i += 2) {
      EXPECT_TRUE(clean[i].OutputBytes() == spoilt[i].OutputBytes())
          << "sequence " << i << ": " << clean[i].shape.ToString();
    }
  }
}

// Layers with their sequences, each a request.
struct Batch {
  std::vector<RandomLayer> layers{};
  std::vector<std::vector<OwnedSequence>> sequences{};

  std::vector<Call> Calls() {
    std::vector<Call> calls;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      calls.push_back({&layers[i % layers.size()], sequences[i]});
    }
    return calls;
  }
};

Batch DrawBatch(std::uint64_t seed) {
  const RandomLimits limits{
      .len = 300, .heads = 8, .head_dim = 64, .width = 128, .work = 4e6};
  RandomAttention random = RandomUnderTest(seed);
  Batch batch;
  for (int i = 0; i < 3; ++i) batch.layers.push_back(random.DrawLayer(limits));
  for (std::size_t i = 0; i < 9; ++i) {
    batch.sequences.push_back(
        DrawSequences(random, batch.layers[i % 3], limits));
  }
  return batch;
}

TEST_F(KernelPropertyTest, SequenceGivesTheSameBitsInAnyBatchOnAnyWorkers) {
  const std::unique_ptr<Engine> one_worker = MakeEngine(1);
  const std::unique_ptr<Engine> many_workers = MakeEngine(5);
  const std::uint64_t first = FirstSeed();
  for (std::uint64_t seed = first; seed < first + 30; ++seed) {
    SCOPED_TRACE(absl::StrCat("ATTENTION_TEST_SEED=", seed));
    Batch alone = DrawBatch(seed);
    Batch together = DrawBatch(seed);
    Batch spread = DrawBatch(seed);

    for (const Call& call : alone.Calls()) {
      for (OwnedSequence& sequence : call.sequences) {
        Attend(*one_worker, *call.layer, {&sequence, 1});
      }
    }
    Attend(*one_worker, together.Calls());
    Attend(*many_workers, spread.Calls());

    for (std::size_t i = 0; i < alone.sequences.size(); ++i) {
      for (std::size_t s = 0; s < alone.sequences[i].size(); ++s) {
        const OwnedSequence& sequence = alone.sequences[i][s];
        const std::vector<std::byte> expected = sequence.OutputBytes();
        EXPECT_TRUE(expected == together.sequences[i][s].OutputBytes())
            << "one worker: " << sequence.shape.ToString();
        EXPECT_TRUE(expected == spread.sequences[i][s].OutputBytes())
            << "many workers: " << sequence.shape.ToString();
      }
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace attention
