#include "core/attention/layer_plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
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

// Lanes of a cache line.
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

constexpr TileKind kInputKinds[] = {TileKind::kQueries, TileKind::kKeys,
                                    TileKind::kValues};

bool OfQueries(TileKind kind) {
  return kind == TileKind::kQueries || kind == TileKind::kContexts;
}

std::int64_t RowCount(const Sequence& sequence, TileKind kind) {
  return OfQueries(kind) ? sequence.q_len : sequence.kv_len;
}

// The same rows of every sequence, as in self-attention.
bool SameInputs(std::span<const Sequence> sequences, TileKind a, TileKind b) {
  return std::all_of(
      sequences.begin(), sequences.end(), [&](const Sequence& sequence) {
        const RowsView& rows = InputRows(sequence, a);
        const RowsView& others = InputRows(sequence, b);
        return RowCount(sequence, a) == RowCount(sequence, b) &&
               rows.data == others.data && rows.dtype == others.dtype &&
               rows.row_stride == others.row_stride;
      });
}

std::int64_t LanesOf(std::int64_t elements, DType dtype) {
  const std::int64_t per_lane = ElementsPerLane(dtype);
  return (elements + per_lane - 1) / per_lane;
}

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

  // Takes `lanes` of the arena, each piece on a cache line.
  std::int64_t Take(std::int64_t lanes) {
    const std::int64_t offset = plan_.arena_lanes;
    plan_.arena_lanes += RoundUp(lanes, kLine);
    return offset;
  }

  bool computes_bf16() const { return spec_.compute_dtype == DType::kBF16; }

  std::int64_t Lanes(std::int64_t elements) const {
    return LanesOf(elements, spec_.compute_dtype);
  }

  void PlaceSequences() {
    for (const Sequence& sequence : sequences_) {
      SequencePlan placed;
      placed.first_q = plan_.q_rows;
      placed.first_kv = plan_.kv_rows;
      placed.key_columns = RoundUp(sequence.kv_len, kColumnMultiple);
      placed.block_rows = BlockRows(sequence);
      placed.keys =
          Take(spec_.num_kv_heads * placed.key_columns * Lanes(spec_.head_dim));
      if (computes_bf16()) {
        placed.values = Take(spec_.num_kv_heads * Lanes(placed.key_columns) *
                             spec_.v_head_dim);
      }
      plan_.q_rows += sequence.q_len;
      plan_.kv_rows += sequence.kv_len;
      plan_.sequences.push_back(placed);
    }
    plan_.tile_rows = TileRows();
    plan_.queries = PlaceHeads(TileKind::kQueries, plan_.q_rows,
                               spec_.num_heads, spec_.head_dim);
    if (!computes_bf16()) {
      plan_.values = PlaceHeads(TileKind::kValues, plan_.kv_rows,
                                spec_.num_kv_heads, spec_.v_head_dim);
    }
    if (layer_ != nullptr) {
      plan_.contexts = Take(Lanes(RoundUp(plan_.q_rows, RowMultiple(layer_)) *
                                  spec_.num_heads * spec_.v_head_dim));
      plan_.inputs.queries = PlaceInputs(TileKind::kQueries);
      plan_.inputs.keys = PlaceInputs(TileKind::kKeys);
      plan_.inputs.values = PlaceInputs(TileKind::kValues);
    }
  }

  // A place of their own for rows that must be rounded to bf16, or the place of
  // an earlier kind that reads the same rows.
  std::int64_t PlaceInputs(TileKind kind) {
    const bool in_place =
        !computes_bf16() ||
        std::all_of(sequences_.begin(), sequences_.end(),
                    [&](const Sequence& sequence) {
                      return InputRows(sequence, kind).dtype == DType::kBF16;
                    });
    if (in_place) return LayerPlan::Inputs::kInPlace;
    const TileKind same = SameAs(kind);
    if (same != kind) return plan_.inputs.Of(same);
    return Take(Lanes(RoundUp(BatchRows(kind), RowMultiple(layer_)) *
                      ProjectionOf(*layer_, kind).in_features()));
  }

  // The first kind that reads the same rows.
  TileKind SameAs(TileKind kind) const {
    return *std::find_if(
        std::begin(kInputKinds), std::end(kInputKinds), [&](TileKind earlier) {
          return earlier == kind || SameInputs(sequences_, earlier, kind);
        });
  }

  std::int64_t BatchRows(TileKind kind) const {
    return OfQueries(kind) ? plan_.q_rows : plan_.kv_rows;
  }

  HeadRows PlaceHeads(TileKind kind, std::int64_t rows, std::int64_t heads,
                      std::int64_t head_dim) {
    HeadRows placed;
    placed.rows = RoundUp(rows, RowMultiple(layer_));
    placed.columns = Lanes(heads * head_dim);
    placed.chunk_columns =
        Lanes(layer_ == nullptr ? head_dim
                                : ProjectionOf(*layer_, kind).chunk_columns());
    placed.head_dim = Lanes(head_dim);
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
        (BatchRows(kind) + plan_.tile_rows - 1) / plan_.tile_rows;
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
    const auto first_of = [&](const SequencePlan& placed) {
      return OfQueries(kind) ? placed.first_q : placed.first_kv;
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
    const std::int64_t total = BatchRows(kind);
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
    const bool gathered = plan_.inputs.Of(kind) != LayerPlan::Inputs::kInPlace;
    const TileKind same = gathered ? SameAs(kind) : kind;
    if (gathered && same == kind) AddGatherTiles(kind);
    CutRows(kind, [&](int tile, int first, int end) {
      if (gathered) {
        const PlannedTile& planned =
            plan_.tiles[static_cast<std::size_t>(tile)];
        const auto row_tile =
            static_cast<int>(planned.first_row / plan_.tile_rows);
        Gate(gathered_[same] + row_tile).tiles.push_back(tile);
      } else {
        plan_.graph.initial.push_back(tile);
      }
      for (int s = first; s < end; ++s) Signal(tile, filled_ + s);
    });
  }

  void AddGatherTiles(TileKind kind) {
    const int first_gate = AddRowGates(kind);
    gathered_[kind] = first_gate;
    const std::int64_t total = BatchRows(kind);
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
  // The first gate of each kind's gathered rows.
  std::map<TileKind, int> gathered_;
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
    case TileKind::kGather:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return layer.out_proj();
}

const RowsView& InputRows(const Sequence& sequence, TileKind kind) {
  switch (kind) {
    case TileKind::kKeys:
      return sequence.keys;
    case TileKind::kValues:
      return sequence.values;
    case TileKind::kQueries:
    case TileKind::kGather:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return sequence.queries;
}

std::int64_t LayerPlan::Inputs::Of(TileKind kind) const {
  switch (kind) {
    case TileKind::kQueries:
      return queries;
    case TileKind::kKeys:
      return keys;
    case TileKind::kValues:
      return values;
    case TileKind::kGather:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return kInPlace;
}

std::int64_t ArenaLanes(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences) {
  const std::int64_t multiple = RowMultiple(layer);
  const bool is_bf16 = spec.compute_dtype == DType::kBF16;
  std::int64_t lanes = 0;
  const auto add = [&](std::int64_t elements) {
    lanes += RoundUp(LanesOf(elements, spec.compute_dtype), kLine);
  };
  std::int64_t q_rows = 0;
  std::int64_t kv_rows = 0;
  for (const Sequence& sequence : sequences) {
    const std::int64_t columns = RoundUp(sequence.kv_len, kColumnMultiple);
    add(spec.num_kv_heads * spec.head_dim * columns);
    if (is_bf16) add(spec.num_kv_heads * spec.v_head_dim * columns);
    q_rows += sequence.q_len;
    kv_rows += sequence.kv_len;
  }
  q_rows = RoundUp(q_rows, multiple);
  kv_rows = RoundUp(kv_rows, multiple);
  add(q_rows * spec.num_heads * spec.head_dim);
  if (!is_bf16) add(kv_rows * spec.num_kv_heads * spec.v_head_dim);
  if (layer == nullptr) return lanes;
  add(q_rows * spec.num_heads * spec.v_head_dim);
  if (!is_bf16) return lanes;
  // As if all were gathered: beside other sequences they may have to be.
  for (const TileKind kind : kInputKinds) {
    add((OfQueries(kind) ? q_rows : kv_rows) *
        ProjectionOf(*layer, kind).in_features());
  }
  return lanes;
}

LayerPlan PlanLayer(const AttentionSpec& spec, const AttentionLayer* layer,
                    std::span<const Sequence> sequences, int num_workers) {
  return Planner(spec, layer, sequences, num_workers).Plan();
}

}  // namespace attention
