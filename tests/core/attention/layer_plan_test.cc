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

#include "tests/support/kernel_comparison.h"
#include "tests/support/random_attention.h"

namespace attention {
namespace {

// With a layer every projection has several chunks of columns.
constexpr AttentionSpec kSpec{
    .num_heads = 6, .num_kv_heads = 2, .head_dim = 40, .v_head_dim = 36};

std::vector<Sequence> RandomSequences(std::mt19937& random) {
  std::vector<Sequence> sequences(1 + random() % 9);
  for (Sequence& sequence : sequences) {
    sequence.q_len = static_cast<std::int64_t>(1 + random() % 300);
    sequence.kv_len = static_cast<std::int64_t>(random() % 700);
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
      parts_done_[kind].resize(static_cast<std::size_t>(plan.q_rows));
    }
    for (const TileKind kind : {TileKind::kKeys, TileKind::kValues}) {
      parts_done_[kind].resize(static_cast<std::size_t>(plan.kv_rows));
    }
    if (layer == nullptr) return;
    parts_done_[TileKind::kContexts].resize(
        static_cast<std::size_t>(plan.q_rows));
  }

  // Expects that what the tile reads is written.
  void ExpectMayRun(int tile) const {
    const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
    if (planned.kind == TileKind::kAttend) {
      const std::size_t s = SequenceOf(tile);
      const SequencePlan& placed = plan_.sequences[s];
      ExpectDone(TileKind::kQueries, placed.first_q, sequences_[s].q_len);
      ExpectDone(TileKind::kKeys, placed.first_kv, sequences_[s].kv_len);
      ExpectDone(TileKind::kValues, placed.first_kv, sequences_[s].kv_len);
    } else if (planned.kind == TileKind::kContexts) {
      ExpectDone(TileKind::kAttend, planned.first_row, planned.rows);
    }
  }

  void Ran(int tile) {
    const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
    // Rows of kAttend are those of its sequence.
    const std::int64_t first =
        planned.first_row + (planned.kind == TileKind::kAttend
                                 ? plan_.sequences[SequenceOf(tile)].first_q
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
               plan_.sequences[s].first_q, sequences_[s].q_len);
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

void ExpectPiecesApart(const LayerPlan& plan, const AttentionLayer* layer) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (const SequencePlan& placed : plan.sequences) {
    const std::int64_t keys =
        kSpec.num_kv_heads * placed.key_columns * kSpec.head_dim;
    pieces.emplace_back(placed.keys, placed.keys + keys);
  }
  EXPECT_GE(plan.queries.rows, plan.q_rows);
  EXPECT_GE(plan.values.rows, plan.kv_rows);
  for (const HeadRows& heads : {plan.queries, plan.values}) {
    pieces.emplace_back(heads.offset,
                        heads.offset + heads.rows * heads.columns);
  }
  if (layer != nullptr) {
    // out_proj reads whole padded tiles.
    const std::int64_t rows =
        RoundUp(plan.q_rows, layer->out_proj().row_multiple());
    pieces.emplace_back(plan.contexts, plan.contexts + rows * kSpec.num_heads *
                                                           kSpec.v_head_dim);
  }
  std::sort(pieces.begin(), pieces.end());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i - 1].second, pieces[i].first);
  }
  EXPECT_LE(pieces.back().second, plan.arena_floats);
}

// What the engine counts with: the sum over requests bounds their batch.
void ExpectArenaIsBounded(const LayerPlan& plan, const AttentionLayer* layer,
                          std::span<const Sequence> sequences) {
  std::int64_t one_by_one = 0;
  for (const Sequence& sequence : sequences) {
    one_by_one += ArenaFloats(kSpec, layer, {&sequence, 1});
  }
  const std::int64_t batch = ArenaFloats(kSpec, layer, sequences);
  EXPECT_LE(plan.arena_floats, batch);
  EXPECT_LE(batch, one_by_one);
}

void ExpectGoodPlans(const AttentionLayer* layer) {
  const std::uint64_t seed = FirstSeed();
  std::mt19937 random(seed);
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " case " << i);
    const std::vector<Sequence> sequences = RandomSequences(random);
    const int workers = static_cast<int>(1 + random() % 16);

    const LayerPlan plan = PlanLayer(kSpec, layer, sequences, workers);

    ExpectArenaIsBounded(plan, layer, sequences);
    ExpectPiecesApart(plan, layer);
    ExpectRunsToTheEnd(plan, layer, sequences, random);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(LayerPlanTest, SdpaBatchesRunInOrderAndAreCoveredOnce) {
  ExpectGoodPlans(nullptr);
}

TEST(LayerPlanTest, ProjectedBatchesRunInOrderAndAreCoveredOnce) {
  const RandomLayer layer =
      RandomAttention(FirstSeed())
          .MakeProjected(kSpec, /*embed_dim=*/300, /*kdim=*/600, /*vdim=*/500,
                         DType::kF32,
                         /*has_bias=*/true);
  ExpectGoodPlans(&layer.model->layer());
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

TEST(LayerPlanTest, WeightsOfLongSequencesAreScoredInSmallBlocks) {
  const AttentionSpec spec{
      .num_heads = 1, .num_kv_heads = 1, .head_dim = 64, .v_head_dim = 64};
  Sequence sequence;
  sequence.q_len = 1000;
  sequence.kv_len = 100'000;
  const std::vector<Sequence> plain = {sequence};
  EXPECT_EQ(PlanLayer(spec, nullptr, plain, 1).sequences[0].block_rows, 128);
  sequence.attn_weights.kind = AttnWeights::kPerHead;
  const std::vector<Sequence> panel = {sequence};
  EXPECT_EQ(PlanLayer(spec, nullptr, panel, 1).sequences[0].block_rows, 16);
}

}  // namespace
}  // namespace attention
