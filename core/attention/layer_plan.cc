#include "core/attention/layer_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attention {
namespace {

// Query rows that are scored at once, at most.
constexpr std::int64_t kBlockRows = 128;

// Rows of a projection tile. Each chunk of weights stays in the second-level
// cache while all of them pass: with 128 rows, waiting for weights from the
// last-level cache takes 7 % of the time, with 1024 less than 1 %.
constexpr std::int64_t kMinTileRows = 128;
constexpr std::int64_t kMaxTileRows = 1024;

// Floats of a cache line.
constexpr std::int64_t kLine = 16;

// Rows that are scored at once however many keys there are: fewer would read
// keys and values too often.
constexpr std::int64_t kMinBlockRows = 16;

// Multiply-adds that take as long as packing one element does.
constexpr std::int64_t kPackCost = 16;

// Scores of one block of query rows against all keys, kept at once when the
// weights are wanted: as much as fits beside keys and values in the cache.
constexpr std::int64_t kPanelFloats = std::int64_t{1} << 18;

// Work of a tile in multiply-adds: enough to make its scheduling cheap, little
// enough that the workers finish together.
constexpr double kMinTileCost = 3e6;
constexpr double kMaxTileCost = 64e6;
constexpr double kTilesPerWorker = 16;

// Tiles of rows are padded to this for the sake of every projection.
std::int64_t RowMultiple(const AttentionLayer* layer) {
  if (layer == nullptr) return 1;
  return std::lcm(
      std::lcm(layer->q_proj().row_multiple(), layer->k_proj().row_multiple()),
      std::lcm(layer->v_proj().row_multiple(),
               layer->out_proj().row_multiple()));
}

class Planner {
 public:
  Planner(const AttentionSpec& spec, const AttentionLayer* layer,
          std::span<const Sequence> sequences, int num_workers)
      : spec_(spec), layer_(layer), sequences_(sequences) {
    tile_cost_ = std::clamp(TotalCost() / (kTilesPerWorker * num_workers),
                            kMinTileCost, kMaxTileCost);
  }

  LayerPlan Plan() {
    PlaceSequences();
    AddGates();
    AddRowTiles(TileKind::kQueries);
    AddRowTiles(TileKind::kKeys);
    AddRowTiles(TileKind::kValues);
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

  // Takes `floats` of the arena, each piece on a cache line.
  std::int64_t Take(std::int64_t floats) {
    const std::int64_t offset = plan_.arena_floats;
    plan_.arena_floats += RoundUp(floats, kLine);
    return offset;
  }

  void PlaceSequences() {
    for (const Sequence& sequence : sequences_) {
      SequencePlan placed;
      placed.first_q = plan_.q_rows;
      placed.first_kv = plan_.kv_rows;
      placed.key_columns = RoundUp(sequence.kv_len, kColumnMultiple);
      placed.block_rows = BlockRows(sequence);
      placed.keys =
          Take(spec_.num_kv_heads * placed.key_columns * spec_.head_dim);
      plan_.q_rows += sequence.q_len;
      plan_.kv_rows += sequence.kv_len;
      plan_.sequences.push_back(placed);
    }
    plan_.tile_rows = TileRows();
    plan_.queries = PlaceHeads(TileKind::kQueries, plan_.q_rows,
                               spec_.num_heads, spec_.head_dim);
    plan_.values = PlaceHeads(TileKind::kValues, plan_.kv_rows,
                              spec_.num_kv_heads, spec_.v_head_dim);
    if (layer_ != nullptr) {
      plan_.contexts = Take(RoundUp(plan_.q_rows, RowMultiple(layer_)) *
                            spec_.num_heads * spec_.v_head_dim);
    }
  }

  HeadRows PlaceHeads(TileKind kind, std::int64_t rows, std::int64_t heads,
                      std::int64_t head_dim) {
    HeadRows placed;
    placed.rows = RoundUp(rows, RowMultiple(layer_));
    placed.columns = heads * head_dim;
    placed.chunk_columns = layer_ == nullptr
                               ? head_dim
                               : ProjectionOf(*layer_, kind).chunk_columns();
    placed.head_dim = head_dim;
    placed.offset = Take(placed.rows * placed.columns);
    return placed;
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
    const bool panel = sequence.attn_weights.kind != AttnWeights::kNone;
    if (!panel || sequence.kv_len == 0) return kBlockRows;
    return std::clamp(
        kPanelFloats / sequence.kv_len / kMinBlockRows * kMinBlockRows,
        kMinBlockRows, kBlockRows);
  }

  // Gates of sequence s: filled_ + s opens its kAttend tiles, finished_ + s
  // tells that its results are written. Gate context_ + t opens the kContexts
  // tiles of row tile t.
  void AddGates() {
    const auto count = static_cast<int>(sequences_.size());
    const std::int64_t row_tiles =
        layer_ == nullptr
            ? 0
            : (plan_.q_rows + plan_.tile_rows - 1) / plan_.tile_rows;
    filled_ = 0;
    finished_ = count;
    context_ = 2 * count;
    plan_.graph.gates.resize(static_cast<std::size_t>(context_ + row_tiles));
    for (int s = 0; s < count; ++s) Gate(finished_ + s).finished_sequence = s;
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
                                  bool of_queries) const {
    const auto first_of = [&](const SequencePlan& placed) {
      return of_queries ? placed.first_q : placed.first_kv;
    };
    const auto& placed = plan_.sequences;
    auto begin = std::upper_bound(placed.begin(), placed.end(), first_row,
                                  [&](std::int64_t row, const SequencePlan& p) {
                                    return row < first_of(p);
                                  });
    const auto end =
        std::lower_bound(placed.begin(), placed.end(), first_row + rows,
                         [&](const SequencePlan& p, std::int64_t row) {
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
    const bool of_queries =
        kind == TileKind::kQueries || kind == TileKind::kContexts;
    const std::int64_t total = of_queries ? plan_.q_rows : plan_.kv_rows;
    const Parts parts = PartsOf(kind);
    for (std::int64_t row = 0; row < total; row += plan_.tile_rows) {
      const std::int64_t rows = std::min(plan_.tile_rows, total - row);
      const double part_cost = parts.cost_per_row * static_cast<double>(rows);
      const std::int64_t tiles = std::clamp<std::int64_t>(
          std::llround(part_cost * static_cast<double>(parts.count) /
                       tile_cost_),
          1, parts.count);
      const auto [first, end] = SequencesOf(row, rows, of_queries);
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

  void AddRowTiles(TileKind kind) {
    CutRows(kind, [&](int tile, int first, int end) {
      plan_.graph.initial.push_back(tile);
      for (int s = first; s < end; ++s) Signal(tile, filled_ + s);
    });
  }

  void AddAttendTiles(std::size_t s) {
    const Sequence& sequence = sequences_[s];
    const SequencePlan& placed = plan_.sequences[s];
    // The head average is one sum over all heads.
    const bool all_heads =
        sequence.attn_weights.kind == AttnWeights::kHeadAverage;
    for (std::int64_t row = 0; row < sequence.q_len; row += placed.block_rows) {
      const std::int64_t rows =
          std::min(placed.block_rows, sequence.q_len - row);
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
  LayerPlan plan_;
};

}  // namespace

const Projection& ProjectionOf(const AttentionLayer& layer, TileKind kind) {
  switch (kind) {
    case TileKind::kQueries:
      return layer.q_proj();
    case TileKind::kKeys:
      return layer.k_proj();
    case TileKind::kValues:
      return layer.v_proj();
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return layer.out_proj();
}

std::int64_t ArenaFloats(const AttentionSpec& spec, const AttentionLayer* layer,
                         std::span<const Sequence> sequences) {
  const std::int64_t multiple = RowMultiple(layer);
  std::int64_t floats = 0;
  std::int64_t q_rows = 0;
  std::int64_t kv_rows = 0;
  for (const Sequence& sequence : sequences) {
    floats += spec.num_kv_heads * spec.head_dim *
              RoundUp(sequence.kv_len, kColumnMultiple);
    q_rows += sequence.q_len;
    kv_rows += sequence.kv_len;
  }
  const std::int64_t contexts = spec.num_heads * spec.v_head_dim;
  floats +=
      RoundUp(RoundUp(q_rows, multiple) * spec.num_heads * spec.head_dim,
              kLine) +
      RoundUp(RoundUp(kv_rows, multiple) * spec.num_kv_heads * spec.v_head_dim,
              kLine);
  if (layer != nullptr) {
    floats += RoundUp(RoundUp(q_rows, multiple) * contexts, kLine);
  }
  return floats;
}

LayerPlan PlanLayer(const AttentionSpec& spec, const AttentionLayer* layer,
                    std::span<const Sequence> sequences, int num_workers) {
  return Planner(spec, layer, sequences, num_workers).Plan();
}

}  // namespace attention
