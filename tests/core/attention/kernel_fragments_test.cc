// Proves that inputs in pieces give bitwise what the same inputs in one piece
// give, which is what the reference says: wherever they are cut, inside of rows
// and of elements too. What lies around the pieces is NaN. A failure of random
// cuts prints its seed; ATTENTION_TEST_SEED=seed starts there.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/cut_bytes.h"
#include "tests/support/kernel_comparison.h"
#include "tests/support/random_attention.h"

namespace attention {
namespace {

using KernelFragmentsTest = KernelTest;

// Not EXPECT_EQ, which would print every byte.
void ExpectSameOutputs(const std::vector<OwnedSequence>& whole,
                       const std::vector<OwnedSequence>& cut) {
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(whole[i].OutputBytes() == cut[i].OutputBytes())
        << "sequence " << i << ": " << whole[i].shape.ToString();
    EXPECT_TRUE(cut[i].OutputSurroundingsUntouched());
  }
}

TEST_F(KernelFragmentsTest, RandomCutsGiveTheSameBitsAsOnePiece) {
  const RandomLimits limits{
      .len = 300, .heads = 8, .head_dim = 64, .width = 300, .work = 1e6};
  const std::uint64_t first = FirstSeed();
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("ATTENTION_TEST_SEED=", seed));
    RandomAttention random = RandomUnderTest(seed);
    const RandomLayer layer = random.DrawLayer(limits);
    std::vector<OwnedSequence> whole = DrawSequences(random, layer, limits);
    std::vector<OwnedSequence> cut = whole;
    random.CutInputs(cut);

    ExpectMatchesReference(*engine_, layer, whole);
    Attend(*engine_, layer, cut);

    ExpectSameOutputs(whole, cut);
    if (HasFailure()) return;
  }
}

TEST_F(KernelFragmentsTest, CutAndWholeInputsShareABatch) {
  const RandomLimits limits{
      .len = 200, .heads = 8, .head_dim = 64, .width = 128, .work = 1e6};
  const std::uint64_t first = FirstSeed();
  for (std::uint64_t seed = first; seed < first + 50; ++seed) {
    SCOPED_TRACE(absl::StrCat("ATTENTION_TEST_SEED=", seed));
    RandomAttention random = RandomUnderTest(seed);
    const RandomLayer layer = random.DrawLayer(limits);
    std::vector<OwnedSequence> whole;
    for (int i = 0; i < 9; ++i) {
      whole.push_back(
          random.MakeSequence(layer, random.DrawShape(layer, limits)));
    }
    std::vector<OwnedSequence> mixed = whole;
    // Each a message of its own.
    random.CutInputs({mixed.data(), 2});
    random.CutInputs({mixed.data() + 4, 3});

    Attend(*engine_, layer, whole);
    Attend(*engine_, layer, mixed);

    ExpectSameOutputs(whole, mixed);
    if (HasFailure()) return;
  }
}

// Queries, keys and values of the only sequence in one row of bytes.
struct Message {
  explicit Message(OwnedSequence& sequence) {
    for (StridedRows* rows :
         {&sequence.queries, &sequence.keys, &sequence.values}) {
      const std::span<const std::byte> added = rows->Span();
      starts.emplace_back(rows, std::ssize(bytes));
      bytes.insert(bytes.end(), added.begin(), added.end());
    }
  }

  // The sequence reads it in these pieces.
  void Cut(const std::vector<attention::Cut>& cuts) {
    const auto pieces = std::make_shared<const CutBytes>(bytes, cuts);
    for (const auto& [rows, start] : starts) rows->ViewIn(pieces, start);
  }

  std::vector<std::byte> bytes{};
  std::vector<std::pair<StridedRows*, std::int64_t>> starts{};
};

// Queries are added to contexts, also where they are cut.
SequenceShape WithResidual(const RandomLayer& layer, std::int64_t q_len,
                           std::int64_t kv_len, DType dtype) {
  SequenceShape shape = PlainShape(layer, q_len, kv_len);
  shape.dtype = dtype;
  shape.residual = true;
  return shape;
}

// Cuts the sequence in two at every `step` bytes of its message. What comes
// after the cut is as aligned as it was, or is not.
void ExpectSameOutputsWhereverItIsCut(Engine& engine, const RandomLayer& layer,
                                      std::vector<OwnedSequence> whole,
                                      std::int64_t step) {
  ExpectMatchesReference(engine, layer, whole);
  std::vector<OwnedSequence> cut = whole;
  Message message(cut.front());
  const std::int64_t size = std::ssize(message.bytes);
  for (std::int64_t at = 0; at <= size; at += step) {
    for (const std::int64_t shift : {0, 1, 2}) {
      SCOPED_TRACE(absl::StrCat("cut at ", at, ", shifted by ", shift));
      const auto before = static_cast<std::size_t>((at + shift) % 16);
      message.Cut({{.bytes = at}, {.bytes = size - at, .before = before}});
      Attend(engine, layer, cut);
      ExpectSameOutputs(whole, cut);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST_F(KernelFragmentsTest, EveryByteMayBeginAPiece) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer sdpa = random.MakeSdpa({2, 1, 6, 6});
  const RandomLayer model =
      random.MakeProjected({2, 1, 6, 6}, 5, 5, 5, DType::kF32, true);
  for (const RandomLayer* layer : {&sdpa, &model}) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      std::vector<OwnedSequence> whole;
      whole.push_back(
          random.MakeSequence(*layer, WithResidual(*layer, 2, 3, dtype)));
      ExpectSameOutputsWhereverItIsCut(*engine_, *layer, std::move(whole), 1);
    }
  }
}

// Rows wider than what is converted at once.
TEST_F(KernelFragmentsTest, WideRowsMayBeCut) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer =
      random.MakeProjected({1, 1, 8, 8}, 600, 600, 600, DType::kF32, true);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    std::vector<OwnedSequence> whole;
    whole.push_back(
        random.MakeSequence(layer, WithResidual(layer, 1, 2, dtype)));
    ExpectSameOutputsWhereverItIsCut(*engine_, layer, std::move(whole), 101);
  }
}

// Three tiles of rows, without padding: those in one aligned piece are read
// where they are, beside others that are not.
TEST_F(KernelFragmentsTest, TilesInOnePieceAndTilesThatAreCutShareABatch) {
  RandomAttention random = RandomUnderTest(FirstSeed());
  const RandomLayer layer =
      random.MakeProjected({2, 2, 8, 8}, 16, 16, 16, DType::kF32, true);
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const SequenceShape shape = WithResidual(layer, 288, 336, dtype);
    std::vector<OwnedSequence> whole(1);
    do {  // until no rows lie apart
      whole[0] = random.MakeSequence(layer, shape);
    } while (whole[0].queries.stride() != 16 || whole[0].keys.stride() != 16 ||
             whole[0].values.stride() != 16);
    ExpectSameOutputsWhereverItIsCut(*engine_, layer, std::move(whole), 997);
  }
}

}  // namespace
}  // namespace attention
