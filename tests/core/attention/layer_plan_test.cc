// Plans of random batches: every row is covered once, memory does not overlap,
// and the graph runs to its end in any allowed order.
#include "core/attention/layer_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "tests/support/kernel_comparison.h"

namespace attention {
namespace {

std::vector<Sequence> RandomSequences(std::mt19937& random) {
  std::vector<Sequence> sequences(1 + random() % 9);
  for (Sequence& sequence : sequences) {
    sequence.q_len = static_cast<std::int64_t>(1 + random() % 300);
    sequence.kv_len = static_cast<std::int64_t>(random() % 700);
    sequence.attn_weights.kind = static_cast<AttnWeights>(random() % 3);
  }
  return sequences;
}

// Runs the graph, choosing among ready tiles at random.
void ExpectRunsToTheEnd(const LayerPlan& plan, std::size_t num_sequences,
                        std::mt19937& random) {
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
    for (const int gate :
         plan.graph.tiles[static_cast<std::size_t>(tile)].signals) {
      const auto& open = plan.graph.gates[static_cast<std::size_t>(gate)];
      const int left = --pending[static_cast<std::size_t>(gate)];
      ASSERT_GE(left, 0);
      if (left > 0) continue;
      ready.insert(ready.end(), open.tiles.begin(), open.tiles.end());
      if (open.finished_sequence >= 0) finished.insert(open.finished_sequence);
    }
  }
  EXPECT_EQ(ran, plan.tiles.size());
  EXPECT_EQ(finished.size(), num_sequences);
}

void ExpectPiecesApart(const LayerPlan& plan, const AttentionSpec& spec) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (const SequencePlan& placed : plan.sequences) {
    const std::int64_t q = spec.num_heads * placed.q_rows * spec.head_dim;
    const std::int64_t k = spec.num_kv_heads * placed.kv_rows * spec.head_dim;
    const std::int64_t v = spec.num_kv_heads * placed.kv_rows * spec.v_head_dim;
    pieces.insert(pieces.end(), {{placed.queries, placed.queries + q},
                                 {placed.keys, placed.keys + k},
                                 {placed.values, placed.values + v}});
  }
  std::sort(pieces.begin(), pieces.end());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i - 1].second, pieces[i].first);
  }
  EXPECT_LE(pieces.back().second, plan.arena_floats);
}

TEST(LayerPlanTest, RandomSdpaBatchesAreCoveredOnce) {
  const std::uint64_t seed = FirstSeed();
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " case " << i);
    const AttentionSpec spec{
        .num_heads = 6, .num_kv_heads = 2, .head_dim = 5, .v_head_dim = 3};
    const std::vector<Sequence> sequences = RandomSequences(random);
    const int workers = static_cast<int>(1 + random() % 16);

    const LayerPlan plan = PlanLayer(spec, nullptr, sequences, workers);

    // (kind, row, part), kAttend rows counted over the whole batch.
    std::map<std::tuple<TileKind, std::int64_t, std::int64_t>, int> covered;
    for (std::size_t t = 0; t < plan.tiles.size(); ++t) {
      const PlannedTile& tile = plan.tiles[t];
      const auto s =
          static_cast<std::size_t>(plan.graph.tiles[t].first_sequence);
      const std::int64_t offset =
          tile.kind == TileKind::kAttend ? plan.sequences[s].first_q : 0;
      for (std::int64_t row = 0; row < tile.rows; ++row) {
        for (std::int64_t p = tile.first_part; p < tile.end_part; ++p) {
          ++covered[{tile.kind, offset + tile.first_row + row, p}];
        }
      }
    }
    std::int64_t expected = plan.q_rows * (spec.num_heads + spec.num_kv_heads) +
                            plan.kv_rows * 2 * spec.num_kv_heads;
    EXPECT_EQ(static_cast<std::int64_t>(covered.size()), expected);
    for (const auto& [place, count] : covered) ASSERT_EQ(count, 1);
    ExpectPiecesApart(plan, spec);
    ExpectRunsToTheEnd(plan, sequences.size(), random);
  }
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
