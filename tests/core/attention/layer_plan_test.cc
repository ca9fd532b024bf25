// Plans of random batches: every row is covered once, memory does not overlap,
// and in any order that the graph allows nothing is read before it is written.
#include "core/attention/layer_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/attention/isa.h"
#include "core/base/round_up.h"
#include "tests/support/kernel_comparison.h"
#include "tests/support/random_attention.h"

namespace attention {
namespace {

// With a layer every projection has several chunks of columns.
constexpr AttentionSpec kSpec{
    .num_heads = 6, .num_kv_heads = 2, .head_dim = 40, .v_head_dim = 36};

// Self-attention in some batches, so that keys and values are the queries'
// rows.
std::vector<Sequence> RandomSequences(std::mt19937& random) {
  static const std::byte rows[3] = {};
  const bool self_attention = random() % 2 == 0;
  std::vector<Sequence> sequences(1 + random() % 9);
  for (Sequence& sequence : sequences) {
    sequence.queries.data = &rows[0];
    sequence.keys.data = &rows[self_attention ? 0 : 1];
    sequence.values.data = &rows[self_attention ? 0 : 2];
    sequence.q_len = static_cast<std::int64_t>(1 + random() % 300);
    sequence.kv_len = static_cast<std::int64_t>(random() % 700);
    if (self_attention) sequence.kv_len = sequence.q_len;
    sequence.is_causal = random() % 2 == 0;
    sequence.attn_weights.kind = static_cast<AttnWeights>(random() % 3);
  }
  return sequences;
}

// How many parts every row has.
std::int64_t PartsOf(TileKind kind, const AttentionLayer* layer) {
  if (kind == TileKind::kAttend) return kSpec.num_kv_heads;
  if (layer != nullptr) return ProjectionOf(*layer, kind).num_chunks();
  return kind == TileKind::kQueries ? kSpec.num_heads : kSpec.num_kv_heads;
}

// What has been done so far of each row of the batch.
class Progress {
 public:
  Progress(const LayerPlan& plan, const AttentionLayer* layer,
           std::span<const Sequence> sequences)
      : plan_(plan), layer_(layer), sequences_(sequences) {
    for (const TileKind kind : {TileKind::kQueries, TileKind::kAttend}) {
      parts_done_[kind].resize(static_cast<std::size_t>(plan.arena.q_rows));
    }
    for (const TileKind kind : {TileKind::kKeys, TileKind::kValues}) {
      parts_done_[kind].resize(static_cast<std::size_t>(plan.arena.kv_rows));
    }
    if (layer == nullptr) return;
    parts_done_[TileKind::kContexts].resize(
        static_cast<std::size_t>(plan.arena.q_rows));
  }

  // Expects that what the tile reads is written.
  void ExpectMayRun(int tile) const {
    const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
    if (planned.kind == TileKind::kAttend) {
      const std::size_t s = SequenceOf(tile);
      const SequencePlace& placed = plan_.arena.sequences[s];
      ExpectDone(TileKind::kQueries, placed.first_q, sequences_[s].q_len);
      ExpectDone(TileKind::kKeys, placed.first_kv, sequences_[s].kv_len);
      ExpectDone(TileKind::kValues, placed.first_kv, sequences_[s].kv_len);
    } else if (planned.kind == TileKind::kContexts) {
      ExpectDone(TileKind::kAttend, planned.first_row, planned.rows);
    } else if (plan_.arena.inputs.Of(planned.kind) !=
               ArenaLayout::Inputs::kInPlace) {
      const auto gathered = gathered_.find(plan_.arena.inputs.Of(planned.kind));
      ASSERT_NE(gathered, gathered_.end());
      for (std::int64_t i = 0; i < planned.rows; ++i) {
        ASSERT_TRUE(gathered->second.contains(planned.first_row + i)) << i;
      }
    }
  }

  void Ran(int tile) {
    const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
    if (planned.kind == TileKind::kGather) {
      auto& gathered = gathered_[plan_.arena.inputs.Of(planned.rows_of)];
      for (std::int64_t i = 0; i < planned.rows; ++i) {
        ASSERT_TRUE(gathered.insert(planned.first_row + i).second) << i;
      }
      return;
    }
    // Rows of kAttend are those of its sequence.
    const std::int64_t first =
        planned.first_row +
        (planned.kind == TileKind::kAttend
             ? plan_.arena.sequences[SequenceOf(tile)].first_q
             : 0);
    for (std::int64_t row = first; row < first + planned.rows; ++row) {
      for (std::int64_t p = planned.first_part; p < planned.end_part; ++p) {
        const bool is_new = parts_done_.at(planned.kind)
                                .at(static_cast<std::size_t>(row))
                                .insert(p)
                                .second;
        ASSERT_TRUE(is_new) << "row " << row << " part " << p;
      }
    }
  }

  void ExpectFinished(std::size_t s) const {
    ExpectDone(layer_ != nullptr ? TileKind::kContexts : TileKind::kAttend,
               plan_.arena.sequences[s].first_q, sequences_[s].q_len);
  }

  void ExpectAllDone() const {
    for (const auto& [kind, rows] : parts_done_) {
      ExpectDone(kind, 0, static_cast<std::int64_t>(rows.size()));
    }
  }

 private:
  std::size_t SequenceOf(int tile) const {
    return static_cast<std::size_t>(
        plan_.graph.tiles[static_cast<std::size_t>(tile)].first_sequence);
  }

  void ExpectDone(TileKind kind, std::int64_t first, std::int64_t rows) const {
    const auto parts = static_cast<std::size_t>(PartsOf(kind, layer_));
    for (std::int64_t row = first; row < first + rows; ++row) {
      ASSERT_EQ(parts_done_.at(kind)[static_cast<std::size_t>(row)].size(),
                parts)
          << "kind " << static_cast<int>(kind) << " row " << row;
    }
  }

  const LayerPlan& plan_;
  const AttentionLayer* const layer_;
  const std::span<const Sequence> sequences_;
  std::map<TileKind, std::vector<std::set<std::int64_t>>> parts_done_;
  // By where they lie in the arena.
  std::map<std::int64_t, std::set<std::int64_t>> gathered_;
};

// Runs the graph, choosing among ready tiles at random: nothing is read before
// it is written, and every part of every row is done once.
void ExpectRunsToTheEnd(const LayerPlan& plan, const AttentionLayer* layer,
                        std::span<const Sequence> sequences,
                        std::mt19937& random) {
  Progress progress(plan, layer, sequences);
  std::vector<int> pending;
  for (const auto& gate : plan.graph.gates) pending.push_back(gate.pending);
  std::vector<int> ready = plan.graph.initial;
  std::set<int> finished;
  std::size_t ran = 0;
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    const int tile = ready.back();
    ready.pop_back();
    ++ran;
    ASSERT_NO_FATAL_FAILURE(progress.ExpectMayRun(tile));
    ASSERT_NO_FATAL_FAILURE(progress.Ran(tile));
    for (const int gate :
         plan.graph.tiles[static_cast<std::size_t>(tile)].signals) {
      const auto& open = plan.graph.gates[static_cast<std::size_t>(gate)];
      const int left = --pending[static_cast<std::size_t>(gate)];
      ASSERT_GE(left, 0);
      if (left > 0) continue;
      ready.insert(ready.end(), open.tiles.begin(), open.tiles.end());
      const int s = open.finished_sequence;
      if (s < 0) continue;
      finished.insert(s);
      ASSERT_NO_FATAL_FAILURE(
          progress.ExpectFinished(static_cast<std::size_t>(s)));
    }
  }
  EXPECT_EQ(ran, plan.tiles.size());
  EXPECT_EQ(finished.size(), sequences.size());
  progress.ExpectAllDone();
}

void ExpectPiecesApart(const AttentionSpec& spec, const LayerPlan& plan,
                       const AttentionLayer* layer) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  const auto add = [&](std::int64_t offset, std::int64_t elements) {
    pieces.emplace_back(
        offset, offset + elements / ElementsPerLane(spec.compute_dtype));
  };
  const bool values_in_place = spec.compute_dtype == DType::kF32;
  for (const SequencePlace& placed : plan.arena.sequences) {
    add(placed.keys, spec.num_kv_heads * placed.key_columns * spec.head_dim);
    if (values_in_place) continue;
    add(placed.values,
        spec.num_kv_heads * placed.key_columns * spec.v_head_dim);
  }
  EXPECT_GE(plan.arena.queries.rows, plan.arena.q_rows);
  add(plan.arena.queries.offset,
      plan.arena.queries.rows * spec.num_heads * spec.head_dim);
  if (values_in_place) {
    EXPECT_GE(plan.arena.values.rows, plan.arena.kv_rows);
    add(plan.arena.values.offset,
        plan.arena.values.rows * spec.num_kv_heads * spec.v_head_dim);
  }
  if (layer != nullptr) {
    // Projections read whole padded tiles.
    const std::int64_t rows =
        RoundUp(plan.arena.q_rows, layer->out_proj().row_multiple());
    add(plan.arena.contexts, rows * spec.num_heads * spec.v_head_dim);
    std::set<std::int64_t> seen = {ArenaLayout::Inputs::kInPlace};
    for (const TileKind kind :
         {TileKind::kQueries, TileKind::kKeys, TileKind::kValues}) {
      const Projection& projection = ProjectionOf(*layer, kind);
      const std::int64_t inputs =
          kind == TileKind::kQueries ? plan.arena.q_rows : plan.arena.kv_rows;
      if (!seen.insert(plan.arena.inputs.Of(kind)).second) continue;
      add(plan.arena.inputs.Of(kind),
          RoundUp(inputs, projection.row_multiple()) *
              projection.in_features());
    }
  }
  std::sort(pieces.begin(), pieces.end());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i - 1].second, pieces[i].first);
  }
  EXPECT_LE(pieces.back().second, plan.arena.lanes);
}

// What the engine counts with: the sum over requests bounds their batch.
void ExpectArenaIsBounded(const AttentionSpec& spec, const LayerPlan& plan,
                          const AttentionLayer* layer,
                          std::span<const Sequence> sequences) {
  std::int64_t one_by_one = 0;
  for (const Sequence& sequence : sequences) {
    one_by_one += ArenaLanes(spec, layer, {&sequence, 1});
  }
  const std::int64_t batch = ArenaLanes(spec, layer, sequences);
  EXPECT_LE(plan.arena.lanes, batch);
  EXPECT_LE(batch, one_by_one);
}

void ExpectGoodPlans(const AttentionSpec& spec, const AttentionLayer* layer) {
  const std::uint64_t seed = FirstSeed();
  std::mt19937 random(seed);
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " case " << i);
    const std::vector<Sequence> sequences = RandomSequences(random);
    const int workers = static_cast<int>(1 + random() % 16);

    const LayerPlan plan = PlanLayer(spec, layer, sequences, workers);

    ExpectArenaIsBounded(spec, plan, layer, sequences);
    ExpectPiecesApart(spec, plan, layer);
    ExpectRunsToTheEnd(plan, layer, sequences, random);
    if (testing::Test::HasFailure()) return;
  }
}

AttentionSpec SpecOfBf16() {
  AttentionSpec spec = kSpec;
  spec.compute_dtype = DType::kBF16;
  return spec;
}

RandomLayer MakeLayer(const AttentionSpec& spec, std::int64_t kdim,
                      std::int64_t vdim) {
  return RandomAttention(FirstSeed())
      .MakeProjected(spec, /*embed_dim=*/300, kdim, vdim, DType::kF32,
                     /*has_bias=*/true);
}

TEST(LayerPlanTest, SdpaBatchesRunInOrderAndAreCoveredOnce) {
  ExpectGoodPlans(kSpec, nullptr);
  ExpectGoodPlans(SpecOfBf16(), nullptr);
}

TEST(LayerPlanTest, ProjectedBatchesRunInOrderAndAreCoveredOnce) {
  const RandomLayer layer = MakeLayer(kSpec, 600, 500);
  ExpectGoodPlans(kSpec, &layer.model->layer());
}

TEST(LayerPlanTest, Bf16BatchesRunInOrderAndAreCoveredOnce) {
  if (!HasBf16Products()) GTEST_SKIP() << "needs AVX512_BF16";
  const RandomLayer layer = MakeLayer(SpecOfBf16(), 300, 300);
  ExpectGoodPlans(layer.spec, &layer.model->layer());
}

TEST(LayerPlanTest, RowsAreRoundedToBf16OnceForAllThatReadThem) {
  if (!HasBf16Products()) GTEST_SKIP() << "needs AVX512_BF16";
  const RandomLayer layer = MakeLayer(SpecOfBf16(), 300, 300);
  const std::byte rows[2] = {};
  Sequence sequence;
  sequence.q_len = sequence.kv_len = 200;
  sequence.queries = {.data = rows, .row_stride = 300};
  sequence.keys = sequence.values = sequence.queries;
  const auto inputs = [&] {
    return PlanLayer(layer.spec, &layer.model->layer(), {&sequence, 1}, 1)
        .arena.inputs;
  };
  EXPECT_EQ(inputs().keys, inputs().queries);
  EXPECT_EQ(inputs().values, inputs().queries);
  const RandomLayer wider = MakeLayer(SpecOfBf16(), 600, 300);
  const ArenaLayout::Inputs apart =
      PlanLayer(wider.spec, &wider.model->layer(), {&sequence, 1}, 1)
          .arena.inputs;
  EXPECT_NE(apart.keys, apart.queries) << "they are read further";
  EXPECT_EQ(apart.values, apart.queries);
  sequence.values.data = rows + 1;
  EXPECT_EQ(inputs().keys, inputs().queries);
  EXPECT_NE(inputs().values, inputs().queries);
  sequence.queries.dtype = sequence.keys.dtype = DType::kBF16;
  EXPECT_EQ(inputs().queries, ArenaLayout::Inputs::kInPlace);
  EXPECT_EQ(inputs().keys, ArenaLayout::Inputs::kInPlace);
  EXPECT_NE(inputs().values, ArenaLayout::Inputs::kInPlace);
}

TEST(LayerPlanTest, RowsFromOtherBytesOfTheSamePiecesAreRoundedApart) {
  if (!HasBf16Products()) GTEST_SKIP() << "needs AVX512_BF16";
  const RandomLayer layer = MakeLayer(SpecOfBf16(), 300, 300);
  const Fragments fragments({});
  Sequence sequence;
  sequence.q_len = sequence.kv_len = 200;
  sequence.queries = {.row_stride = 300, .fragments = &fragments};
  sequence.keys = sequence.values = sequence.queries;
  sequence.values.first_byte = 1;
  const ArenaLayout::Inputs inputs =
      PlanLayer(layer.spec, &layer.model->layer(), {&sequence, 1}, 1)
          .arena.inputs;
  EXPECT_EQ(inputs.keys, inputs.queries);
  EXPECT_NE(inputs.values, inputs.queries);
}

TEST(LayerPlanTest, CausalTilesCostWhatTheirRowsMaySee) {
  Sequence sequence;
  sequence.q_len = 256;
  sequence.kv_len = 1000;
  sequence.is_causal = true;
  // Multiply-adds of a tile's 128 rows with a key and its value.
  const double per_key = static_cast<double>(
      128 * kSpec.num_heads * (kSpec.head_dim + kSpec.v_head_dim));
  double first = 0;
  double second = 0;
  const std::vector<Sequence> sequences = {sequence};
  const LayerPlan plan = PlanLayer(kSpec, nullptr, sequences, 1);
  for (std::size_t t = 0; t < plan.tiles.size(); ++t) {
    if (plan.tiles[t].kind != TileKind::kAttend) continue;
    (plan.tiles[t].first_row == 0 ? first : second) += plan.graph.tiles[t].cost;
  }
  EXPECT_EQ(first, 128 * per_key);
  EXPECT_EQ(second, 256 * per_key);
}

// Of the first block that is scored.
std::int64_t BlockRows(const AttentionSpec& spec,
                       const std::vector<Sequence>& sequences) {
  const LayerPlan plan = PlanLayer(spec, nullptr, sequences, 1);
  return std::find_if(plan.tiles.begin(), plan.tiles.end(),
                      [](const PlannedTile& tile) {
                        return tile.kind == TileKind::kAttend;
                      })
      ->rows;
}

TEST(LayerPlanTest, WeightsOfLongSequencesAreScoredInSmallBlocks) {
  const AttentionSpec spec{
      .num_heads = 1, .num_kv_heads = 1, .head_dim = 64, .v_head_dim = 64};
  Sequence sequence;
  sequence.q_len = 1000;
  sequence.kv_len = 100'000;
  const std::vector<Sequence> plain = {sequence};
  EXPECT_EQ(BlockRows(spec, plain), 128);
  sequence.attn_weights.kind = AttnWeights::kPerHead;
  const std::vector<Sequence> panel = {sequence};
  EXPECT_EQ(BlockRows(spec, panel), 16);
}

}  // namespace
}  // namespace attention
