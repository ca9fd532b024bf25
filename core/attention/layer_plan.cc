#include "core/attention/layer_plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/round_up.h"

namespace attention {
namespace {

// Query rows that are scored at once, at most.
constexpr std::int64_t kBlockRows = 128;

// Rows of a projection tile. Each chunk of weights stays in the second-level
// cache while all of them pass: with 128 rows, waiting for weights from the
// last-level cache takes 7 % of the time, with 1024 less than 1 %.
constexpr std::int64_t kMinTileRows = 128;
constexpr std::int64_t kMaxTileRows = 1024;

// Rows that are scored at once however many keys there are: fewer would read
// keys and values too often.
constexpr std::int64_t kMinBlockRows = 16;

// Multiply-adds that take as long as packing one element does.
constexpr std::int64_t kPackCost = 16;

// Scores of one block of query rows against all keys, kept at once when the
// weights are wanted: as much as fits beside keys and values in the cache.
constexpr std::int64_t kKeptScores = std::int64_t{1} << 18;

// Work of a tile in multiply-adds: enough to make its scheduling cheap, little
// enough that the workers finish together.
constexpr double kMinTileCost = 3e6;
constexpr double kMaxTileCost = 64e6;
constexpr double kTilesPerWorker = 16;

class Planner {
 public:
  Planner(const AttentionSpec& spec, const AttentionLayer* layer,
          std::span<const Sequence> sequences, int num_workers)
      : spec_(spec), layer_(layer), sequences_(sequences) {
    tile_cost_ = std::clamp(TotalCost() / (kTilesPerWorker * num_workers),
                            kMinTileCost, kMaxTileCost);
  }

  LayerPlan Plan() {
    plan_.arena = LayOutArena(spec_, layer_, sequences_);
    plan_.tile_rows = TileRows();
    AddGates();
    for (const TileKind kind : kInputKinds) AddInputTiles(kind);
    for (std::size_t s = 0; s < sequences_.size(); ++s) AddAttendTiles(s);
    if (layer_ != nullptr) AddContextTiles();
    return std::move(plan_);
  }

 private:
  double TotalCost() const {
    double cost = 0;
    for (const Sequence& sequence : sequences_) {
      const std::int64_t block_rows = BlockRows(sequence);
      for (std::int64_t row = 0; row < sequence.q_len; row += block_rows) {
        cost += AttendCost(sequence, row,
                           std::min(block_rows, sequence.q_len - row),
                           spec_.num_kv_heads);
      }
      if (layer_ == nullptr) continue;
      const auto q = static_cast<double>(sequence.q_len);
      const auto kv = static_cast<double>(sequence.kv_len);
      cost += q * Weights(layer_->q_proj()) + q * Weights(layer_->out_proj()) +
              kv * Weights(layer_->k_proj()) + kv * Weights(layer_->v_proj());
    }
    return cost;
  }

  static double Weights(const Projection& projection) {
    return static_cast<double>(projection.in_features()) *
           static_cast<double>(projection.out_features());
  }

  double AttendCost(const Sequence& sequence, std::int64_t first_row,
                    std::int64_t rows, std::int64_t kv_heads) const {
    const std::int64_t heads =
        kv_heads * (spec_.num_heads / spec_.num_kv_heads);
    const std::int64_t keys = sequence.is_causal
                                  ? std::min(sequence.kv_len, first_row + rows)
                                  : sequence.kv_len;
    return static_cast<double>(rows) * static_cast<double>(keys) *
           static_cast<double>(heads * (spec_.head_dim + spec_.v_head_dim));
  }

  // As many as are worth a tile with a single chunk of columns.
  std::int64_t TileRows() const {
    if (layer_ == nullptr) return kMinTileRows;
    const auto rows =
        std::llround(tile_cost_ / PartsOf(TileKind::kQueries).cost_per_row);
    return RoundUp(std::clamp<std::int64_t>(rows, kMinTileRows, kMaxTileRows),
                   RowMultiple(layer_));
  }

  static std::int64_t BlockRows(const Sequence& sequence) {
    const bool keeps_scores = sequence.attn_weights.kind != AttnWeights::kNone;
    if (!keeps_scores || sequence.kv_len == 0) return kBlockRows;
    return std::clamp(
        kKeptScores / sequence.kv_len / kMinBlockRows * kMinBlockRows,
        kMinBlockRows, kBlockRows);
  }

  // Gates of sequence s: filled_ + s opens its kAttend tiles, finished_ + s
  // tells that its results are written. Gate context_ + t opens the kContexts
  // tiles of row tile t; those of gathered inputs are added by AddInputTiles.
  void AddGates() {
    const auto count = static_cast<int>(sequences_.size());
    filled_ = 0;
    finished_ = count;
    context_ = 2 * count;
    plan_.graph.gates.resize(static_cast<std::size_t>(context_));
    for (int s = 0; s < count; ++s) Gate(finished_ + s).finished_sequence = s;
    if (layer_ != nullptr) AddRowGates(TileKind::kContexts);
  }

  // One gate for each row tile. Returns the first.
  int AddRowGates(TileKind kind) {
    const auto first = static_cast<int>(plan_.graph.gates.size());
    const std::int64_t row_tiles =
        (plan_.arena.RowsOf(kind) + plan_.tile_rows - 1) / plan_.tile_rows;
    plan_.graph.gates.resize(static_cast<std::size_t>(first + row_tiles));
    return first;
  }

  TileGraph::Gate& Gate(int gate) {
    return plan_.graph.gates[static_cast<std::size_t>(gate)];
  }

  int AddTile(const PlannedTile& tile, double cost, int first_sequence,
              int end_sequence) {
    plan_.tiles.push_back(tile);
    TileGraph::Tile node;
    node.cost = cost;
    node.first_sequence = first_sequence;
    node.end_sequence = end_sequence;
    plan_.graph.tiles.push_back(std::move(node));
    return static_cast<int>(plan_.tiles.size()) - 1;
  }

  void Signal(int tile, int gate) {
    plan_.graph.tiles[static_cast<std::size_t>(tile)].signals.push_back(gate);
    ++Gate(gate).pending;
  }

  // The sequences that have rows in [first_row, first_row + rows).
  std::pair<int, int> SequencesOf(std::int64_t first_row, std::int64_t rows,
                                  TileKind kind) const {
    const auto first_of = [&](const SequencePlace& placed) {
      return HasQueryRows(kind) ? placed.first_q : placed.first_kv;
    };
    const auto& placed = plan_.arena.sequences;
    auto begin =
        std::upper_bound(placed.begin(), placed.end(), first_row,
                         [&](std::int64_t row, const SequencePlace& p) {
                           return row < first_of(p);
                         });
    const auto end =
        std::lower_bound(placed.begin(), placed.end(), first_row + rows,
                         [&](const SequencePlace& p, std::int64_t row) {
                           return first_of(p) < row;
                         });
    // upper_bound is past the sequence that holds the first row.
    --begin;
    return {static_cast<int>(begin - placed.begin()),
            static_cast<int>(end - placed.begin())};
  }

  struct Parts {
    std::int64_t count = 0;
    double cost_per_row = 0;  // of one part
  };

  Parts PartsOf(TileKind kind) const {
    if (layer_ == nullptr) {
      return {kind == TileKind::kQueries ? spec_.num_heads : spec_.num_kv_heads,
              static_cast<double>(kPackCost * spec_.head_dim)};
    }
    const Projection& projection = ProjectionOf(*layer_, kind);
    return {projection.num_chunks(),
            static_cast<double>(projection.chunk_columns()) *
                static_cast<double>(projection.in_features())};
  }

  // Tiles over the rows of the batch, each for as many parts as make it worth
  // its scheduling. `add` gets the tile's number.
  template <typename Added>
  void CutRows(TileKind kind, const Added& added) {
    const std::int64_t total = plan_.arena.RowsOf(kind);
    const Parts parts = PartsOf(kind);
    for (std::int64_t row = 0; row < total; row += plan_.tile_rows) {
      const std::int64_t rows = std::min(plan_.tile_rows, total - row);
      const double part_cost = parts.cost_per_row * static_cast<double>(rows);
      const std::int64_t tiles = std::clamp<std::int64_t>(
          std::llround(part_cost * static_cast<double>(parts.count) /
                       tile_cost_),
          1, parts.count);
      const auto [first, end] = SequencesOf(row, rows, kind);
      for (std::int64_t t = 0; t < tiles; ++t) {
        PlannedTile tile;
        tile.kind = kind;
        tile.first_row = row;
        tile.rows = rows;
        tile.first_part = parts.count * t / tiles;
        tile.end_part = parts.count * (t + 1) / tiles;
        const auto count = static_cast<double>(tile.end_part - tile.first_part);
        added(AddTile(tile, part_cost * count, first, end), first, end);
      }
    }
  }

  // Tiles that make queries, keys or values of input rows, gathered first where
  // they have to be.
  void AddInputTiles(TileKind kind) {
    const std::int64_t place = plan_.arena.inputs.Of(kind);
    const bool gathered = place != ArenaLayout::Inputs::kInPlace;
    if (gathered && !gathered_.contains(place)) AddGatherTiles(kind);
    CutRows(kind, [&](int tile, int first, int end) {
      if (gathered) {
        const PlannedTile& planned =
            plan_.tiles[static_cast<std::size_t>(tile)];
        const auto row_tile =
            static_cast<int>(planned.first_row / plan_.tile_rows);
        Gate(gathered_[place] + row_tile).tiles.push_back(tile);
      } else {
        plan_.graph.initial.push_back(tile);
      }
      for (int s = first; s < end; ++s) Signal(tile, filled_ + s);
    });
  }

  void AddGatherTiles(TileKind kind) {
    const int first_gate = AddRowGates(kind);
    gathered_[plan_.arena.inputs.Of(kind)] = first_gate;
    const std::int64_t total = plan_.arena.RowsOf(kind);
    const auto row_cost = static_cast<double>(
        kPackCost * ProjectionOf(*layer_, kind).in_features());
    for (std::int64_t row = 0; row < total; row += kMinTileRows) {
      PlannedTile tile;
      tile.kind = TileKind::kGather;
      tile.rows_of = kind;
      tile.first_row = row;
      tile.rows = std::min(kMinTileRows, total - row);
      const auto [first, end] = SequencesOf(row, tile.rows, kind);
      const int number =
          AddTile(tile, row_cost * static_cast<double>(tile.rows), first, end);
      plan_.graph.initial.push_back(number);
      const std::int64_t last = row + tile.rows - 1;
      for (std::int64_t t = row / plan_.tile_rows; t <= last / plan_.tile_rows;
           ++t) {
        Signal(number, first_gate + static_cast<int>(t));
      }
    }
  }

  void AddAttendTiles(std::size_t s) {
    const Sequence& sequence = sequences_[s];
    const SequencePlace& placed = plan_.arena.sequences[s];
    const std::int64_t block_rows = BlockRows(sequence);
    // The head average is one sum over all heads.
    const bool all_heads =
        sequence.attn_weights.kind == AttnWeights::kHeadAverage;
    for (std::int64_t row = 0; row < sequence.q_len; row += block_rows) {
      const std::int64_t rows = std::min(block_rows, sequence.q_len - row);
      const double head_cost = AttendCost(sequence, row, rows, 1);
      const std::int64_t heads =
          all_heads
              ? spec_.num_kv_heads
              : std::clamp<std::int64_t>(
                    static_cast<std::int64_t>(tile_cost_ / (head_cost + 1)), 1,
                    spec_.num_kv_heads);
      for (std::int64_t head = 0; head < spec_.num_kv_heads; head += heads) {
        PlannedTile tile;
        tile.kind = TileKind::kAttend;
        tile.first_row = row;
        tile.rows = rows;
        tile.first_part = head;
        tile.end_part = std::min(head + heads, spec_.num_kv_heads);
        const int number = AddTile(
            tile,
            AttendCost(sequence, row, rows, tile.end_part - tile.first_part),
            static_cast<int>(s), static_cast<int>(s) + 1);
        Gate(filled_ + static_cast<int>(s)).tiles.push_back(number);
        SignalAttended(number, static_cast<int>(s), placed.first_q + row, rows);
      }
    }
  }

  // Without out_proj the contexts of an kAttend tile are the results.
  void SignalAttended(int tile, int s, std::int64_t first_row,
                      std::int64_t rows) {
    if (layer_ == nullptr) {
      Signal(tile, finished_ + s);
      return;
    }
    const std::int64_t last = (first_row + rows - 1) / plan_.tile_rows;
    for (std::int64_t t = first_row / plan_.tile_rows; t <= last; ++t) {
      Signal(tile, context_ + static_cast<int>(t));
    }
  }

  void AddContextTiles() {
    CutRows(TileKind::kContexts, [&](int tile, int first, int end) {
      const std::int64_t row =
          plan_.tiles[static_cast<std::size_t>(tile)].first_row;
      Gate(context_ + static_cast<int>(row / plan_.tile_rows))
          .tiles.push_back(tile);
      for (int s = first; s < end; ++s) Signal(tile, finished_ + s);
    });
  }

  const AttentionSpec& spec_;
  const AttentionLayer* const layer_;
  const std::span<const Sequence> sequences_;
  double tile_cost_ = 0;
  int filled_ = 0;
  int finished_ = 0;
  int context_ = 0;
  // The first gate of gathered rows, by their place.
  std::map<std::int64_t, int> gathered_;
  LayerPlan plan_;
};

}  // namespace

LayerPlan PlanLayer(const AttentionSpec& spec, const AttentionLayer* layer,
                    std::span<const Sequence> sequences, int num_workers) {
  return Planner(spec, layer, sequences, num_workers).Plan();
}

}  // namespace attention
