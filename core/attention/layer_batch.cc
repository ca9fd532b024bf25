#include "core/attention/layer_batch.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "core/attention/attention_tile.h"
#include "core/attention/bf16_rows.h"
#include "core/attention/pack.h"
#include "core/base/round_up.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// Rows of one product: enough to hide reading the weights again for each, and
// the product is still in the second-level cache when it is packed.
constexpr std::int64_t kProductRows = 256;

bool HasQueryRows(const PlannedTile& tile) {
  return HasQueryRows(tile.kind == TileKind::kGather ? tile.rows_of
                                                     : tile.kind);
}

// A piece of a head's keys or values: rows first_row, first_row + 1, ... of
// their sequence.
struct HeadPiece {
  std::int64_t head = 0;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
};

// to[c, r] = keys[r, c] * factor, as lanes of compute_dtype.
void PackPanel(const AttentionSpec& spec, TileView keys, std::int64_t rows,
               double factor, AlignedBuffer& rounded, MutableTileView to) {
  if (spec.compute_dtype == DType::kF32) {
    TransposeScaled(keys, rows, spec.head_dim, factor, to);
    return;
  }
  std::array<float, kPanelColumns> factors;
  factors.fill(static_cast<float>(factor));
  rounded.Reserve(kPanelColumns * spec.head_dim * sizeof(std::uint16_t));
  RoundRows(keys, factors.data(), rows, spec.head_dim,
            {reinterpret_cast<std::uint16_t*>(rounded.bytes()), spec.head_dim});
  const std::int64_t lanes = spec.head_dim / 2;
  Transpose({rounded.floats(), lanes}, rows, lanes, to);
}

void PackKeys(const AttentionSpec& spec, const Sequence& sequence,
              const SequencePlace& placed, const HeadPiece& piece,
              TileView from, AlignedBuffer& rounded, float* arena) {
  // softmax(x) = 2^(x log2 e - shift) / sum: the factor is free here.
  const double factor = sequence.scale * std::numbers::log2e;
  const std::int64_t depth =
      spec.head_dim / ElementsPerLane(spec.compute_dtype);
  float* keys = arena + placed.keys + piece.head * placed.key_columns * depth;
  const std::int64_t end = piece.first_row + piece.rows;
  for (std::int64_t row = piece.first_row; row < end;) {
    const std::int64_t first_key = row / kPanelColumns * kPanelColumns;
    const std::int64_t width =
        std::min(kPanelColumns, placed.key_columns - first_key);
    const std::int64_t count = std::min(end, first_key + width) - row;
    float* panel = keys + first_key * depth;
    PackPanel(spec,
              {from.data + (row - piece.first_row) * from.stride, from.stride},
              count, factor, rounded, {panel + row - first_key, width});
    row += count;
    if (row < sequence.kv_len) continue;
    for (std::int64_t c = 0; c < depth; ++c) {
      std::fill(panel + c * width + row - first_key, panel + (c + 1) * width,
                0.0F);
    }
  }
}

// bf16 only: others are used as they are.
void PackValues(const AttentionSpec& spec, const Sequence& sequence,
                const SequencePlace& placed, const HeadPiece& piece,
                Bf16View from, float* arena) {
  const std::int64_t columns = spec.v_head_dim;
  float* values =
      arena + placed.values + piece.head * placed.key_columns / 2 * columns;
  PairRows(from, piece.first_row, piece.rows, columns, {values, columns});
  const std::int64_t end = piece.first_row + piece.rows;
  if (end < sequence.kv_len || end % 2 == 0) return;
  // The last row's neighbour, whatever the memory held.
  static constexpr std::array<std::uint16_t, kMaxHeadDim> kZeros{};
  PairRows({kZeros.data(), columns}, end, 1, columns, {values, columns});
}

}  // namespace

struct LayerBatch::Segment {
  std::size_t sequence = 0;
  std::int64_t first_row = 0;  // of the sequence
  std::int64_t rows = 0;
  std::int64_t tile_row = 0;  // where they stand in the tile

  // What of it lies in rows [first, first + count) of the tile, counted from
  // `first`; without rows when nothing does.
  Segment Within(std::int64_t first, std::int64_t count) const {
    const std::int64_t from = std::max(tile_row, first);
    const std::int64_t to = std::min(tile_row + rows, first + count);
    return {sequence, first_row + from - tile_row,
            std::max<std::int64_t>(to - from, 0), from - first};
  }
};

LayerBatch::LayerBatch(const AttentionSpec& spec, const AttentionLayer* layer,
                       std::vector<Sequence> sequences, int num_workers,
                       AlignedBuffer& arena)
    : spec_(spec),
      layer_(layer),
      sequences_(std::move(sequences)),
      plan_(PlanLayer(spec_, layer_, sequences_, num_workers)) {
  arena.Reserve(static_cast<std::size_t>(plan_.arena.lanes) * sizeof(float));
  arena_ = arena.floats();
}

absl::Status LayerBatch::RunTile(int tile, WorkerScratch& scratch) {
  const auto index = static_cast<std::size_t>(tile);
  const PlannedTile& planned = plan_.tiles[index];
  if (planned.kind == TileKind::kAttend) {
    RunAttend(planned,
              static_cast<std::size_t>(plan_.graph.tiles[index].first_sequence),
              scratch);
    return absl::OkStatus();
  }
  const std::vector<Segment> segments = Segments(tile);
  if (planned.kind == TileKind::kGather) {
    GatherInputs(planned, segments);
    return absl::OkStatus();
  }
  if (layer_ != nullptr) return RunProjection(planned, segments, scratch);
  PackHeads(planned, segments, scratch);
  return absl::OkStatus();
}

std::vector<LayerBatch::Segment> LayerBatch::Segments(int tile) const {
  const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
  const TileGraph::Tile& node =
      plan_.graph.tiles[static_cast<std::size_t>(tile)];
  const bool of_queries = HasQueryRows(planned);
  std::vector<Segment> segments;
  for (auto s = static_cast<std::size_t>(node.first_sequence);
       s < static_cast<std::size_t>(node.end_sequence); ++s) {
    const SequencePlace& placed = plan_.arena.sequences[s];
    const std::int64_t begin = of_queries ? placed.first_q : placed.first_kv;
    const std::int64_t length =
        of_queries ? sequences_[s].q_len : sequences_[s].kv_len;
    const std::int64_t from = std::max(begin, planned.first_row);
    const std::int64_t to =
        std::min(begin + length, planned.first_row + planned.rows);
    if (from < to) {
      segments.push_back(
          {s, from - begin, to - from, from - planned.first_row});
    }
  }
  return segments;
}

absl::Status LayerBatch::RunProjection(const PlannedTile& tile,
                                       const std::vector<Segment>& segments,
                                       WorkerScratch& scratch) {
  const Projection& projection = ProjectionOf(*layer_, tile.kind);
  const std::int64_t multiple = projection.row_multiple();
  const std::int64_t rows = RoundUp(tile.rows, multiple);
  const std::byte* input = ProjectionInput(tile, segments, rows, scratch);
  const std::int64_t row_bytes = projection.in_features() * ElementBytes();
  const std::int64_t at_once = RoundUp(kProductRows, multiple);
  scratch.product.Reserve(std::min(rows, at_once) * projection.chunk_columns() *
                          sizeof(float));
  for (std::int64_t part = tile.first_part; part < tile.end_part; ++part) {
    const PackedMatrix& chunk = projection.chunk(part);
    for (std::int64_t row = 0; row < rows; row += at_once) {
      const std::int64_t count = std::min(at_once, rows - row);
      float* in_place = HeadsInPlace(tile.kind, part, tile.first_row + row);
      float* product =
          in_place != nullptr ? in_place : scratch.product.floats();
      ATTENTION_RETURN_IF_ERROR(scratch.gemm.Multiply(
          count, input + row * row_bytes, chunk, ProductDType(tile.kind),
          reinterpret_cast<std::byte*>(product)));
      if (in_place != nullptr) continue;
      for (const Segment& segment : segments) {
        const Segment stored = segment.Within(row, count);
        if (stored.rows == 0) continue;
        StoreProduct(tile.kind, stored, part * projection.chunk_columns(),
                     chunk.n(), scratch);
      }
    }
  }
  return absl::OkStatus();
}

std::int64_t LayerBatch::ElementBytes() const {
  return static_cast<std::int64_t>(DTypeSize(spec_.compute_dtype));
}

// What is packed or answered is rounded there, and once.
DType LayerBatch::ProductDType(TileKind kind) const {
  return kind == TileKind::kKeys || kind == TileKind::kContexts
             ? DType::kF32
             : spec_.compute_dtype;
}

void LayerBatch::GatherInputs(const PlannedTile& tile,
                              const std::vector<Segment>& segments) const {
  const std::int64_t columns =
      ProjectionOf(*layer_, tile.rows_of).in_features();
  const std::int64_t row_bytes = columns * ElementBytes();
  auto* inputs = reinterpret_cast<std::byte*>(
      arena_ + plan_.arena.inputs.Of(tile.rows_of));
  for (const Segment& segment : segments) {
    GatherRows(InputRows(sequences_[segment.sequence], tile.rows_of),
               segment.first_row, 0, segment.rows, columns, spec_.compute_dtype,
               inputs + (tile.first_row + segment.tile_row) * row_bytes);
  }
  const std::int64_t end = tile.first_row + tile.rows;
  const std::int64_t total =
      HasQueryRows(tile) ? plan_.arena.q_rows : plan_.arena.kv_rows;
  if (end < total) return;
  const std::int64_t padded = RoundUp(total, RowMultiple(layer_));
  std::fill(inputs + total * row_bytes, inputs + padded * row_bytes,
            std::byte{0});
}

// Queries and values of f32 are used as the projection leaves them, and so are
// queries of bf16.
float* LayerBatch::HeadsInPlace(TileKind kind, std::int64_t chunk,
                                std::int64_t row) const {
  switch (kind) {
    case TileKind::kQueries:
      return arena_ + plan_.arena.queries.RowOffset(chunk, row);
    case TileKind::kValues:
      if (spec_.compute_dtype == DType::kBF16) break;
      return arena_ + plan_.arena.values.RowOffset(chunk, row);
    case TileKind::kKeys:
    case TileKind::kGather:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return nullptr;
}

const std::byte* LayerBatch::ProjectionInput(
    const PlannedTile& tile, const std::vector<Segment>& segments,
    std::int64_t padded_rows, WorkerScratch& scratch) const {
  const std::int64_t columns = ProjectionOf(*layer_, tile.kind).in_features();
  const std::int64_t row_bytes = columns * ElementBytes();
  const std::int64_t in_arena = tile.kind == TileKind::kContexts
                                    ? plan_.arena.contexts
                                    : plan_.arena.inputs.Of(tile.kind);
  if (in_arena != ArenaLayout::Inputs::kInPlace) {
    return reinterpret_cast<const std::byte*>(arena_ + in_arena) +
           tile.first_row * row_bytes;
  }
  if (padded_rows == tile.rows) {
    const std::byte* dense = DenseRows(segments, tile.kind, columns);
    if (dense != nullptr) return dense;
  }
  scratch.rows.Reserve(padded_rows * row_bytes);
  std::byte* rows = scratch.rows.bytes();
  for (const Segment& segment : segments) {
    GatherRows(InputRows(sequences_[segment.sequence], tile.kind),
               segment.first_row, 0, segment.rows, columns, spec_.compute_dtype,
               rows + segment.tile_row * row_bytes);
  }
  std::fill(rows + tile.rows * row_bytes, rows + padded_rows * row_bytes,
            std::byte{0});
  return rows;
}

// The rows of a tile where they are, when they are one dense and aligned piece;
// null otherwise. REQUIRES: of compute_dtype, not in fragments.
const std::byte* LayerBatch::DenseRows(const std::vector<Segment>& segments,
                                       TileKind kind,
                                       std::int64_t columns) const {
  const auto size = static_cast<std::uintptr_t>(ElementBytes());
  const std::int64_t row_bytes = columns * ElementBytes();
  const std::byte* first = nullptr;
  for (const Segment& segment : segments) {
    const RowsView& view = InputRows(sequences_[segment.sequence], kind);
    if (view.row_stride != columns ||
        reinterpret_cast<std::uintptr_t>(view.data) % size != 0) {
      return nullptr;
    }
    const std::byte* rows = view.data + segment.first_row * row_bytes;
    if (first == nullptr) first = rows;
    if (rows != first + segment.tile_row * row_bytes) return nullptr;
  }
  return first;
}

void LayerBatch::StoreProduct(TileKind kind, const Segment& segment,
                              std::int64_t column, std::int64_t columns,
                              WorkerScratch& scratch) {
  const Sequence& sequence = sequences_[segment.sequence];
  const SequencePlace& placed = plan_.arena.sequences[segment.sequence];
  const float* product = scratch.product.floats() + segment.tile_row * columns;
  if (kind == TileKind::kContexts) {
    ScatterRows({product, columns}, nullptr, segment.rows, columns,
                sequence.residual ? &sequence.queries : nullptr,
                Stores::kCached, sequence.contexts, segment.first_row, column);
    return;
  }
  if (kind == TileKind::kKeys) {
    for (std::int64_t c = 0; c < columns; c += spec_.head_dim) {
      PackKeys(spec_, sequence, placed,
               {(column + c) / spec_.head_dim, segment.first_row, segment.rows},
               {product + c, columns}, scratch.rounded, arena_);
    }
    return;
  }
  const auto* values =
      reinterpret_cast<const std::uint16_t*>(scratch.product.bytes()) +
      segment.tile_row * columns;
  for (std::int64_t c = 0; c < columns; c += spec_.v_head_dim) {
    PackValues(
        spec_, sequence, placed,
        {(column + c) / spec_.v_head_dim, segment.first_row, segment.rows},
        {values + c, columns}, arena_);
  }
}

void LayerBatch::PackHeads(const PlannedTile& tile,
                           const std::vector<Segment>& segments,
                           WorkerScratch& scratch) {
  const std::int64_t width =
      tile.kind == TileKind::kValues ? spec_.v_head_dim : spec_.head_dim;
  scratch.rows.Reserve(tile.rows * width * sizeof(float));
  for (const Segment& segment : segments) {
    const Sequence& sequence = sequences_[segment.sequence];
    const SequencePlace& placed = plan_.arena.sequences[segment.sequence];
    for (std::int64_t head = tile.first_part; head < tile.end_part; ++head) {
      float* in_place =
          HeadsInPlace(tile.kind, head, tile.first_row + segment.tile_row);
      float* rows = in_place != nullptr ? in_place : scratch.rows.floats();
      GatherRows(InputRows(sequence, tile.kind), segment.first_row,
                 head * width, segment.rows, width, ProductDType(tile.kind),
                 reinterpret_cast<std::byte*>(rows));
      const HeadPiece piece{head, segment.first_row, segment.rows};
      if (tile.kind == TileKind::kKeys) {
        PackKeys(spec_, sequence, placed, piece, {rows, width}, scratch.rounded,
                 arena_);
      } else if (in_place == nullptr) {
        PackValues(spec_, sequence, placed, piece,
                   {reinterpret_cast<const std::uint16_t*>(rows), width},
                   arena_);
      }
    }
  }
}

void LayerBatch::RunAttend(const PlannedTile& tile, std::size_t s,
                           WorkerScratch& scratch) {
  const Sequence& sequence = sequences_[s];
  const SequencePlace& placed = plan_.arena.sequences[s];
  const PackedSequence packed{
      .layout = plan_.arena, .placed = placed, .arena = arena_};
  const AttentionTile heads{.first_row = tile.first_row,
                            .rows = tile.rows,
                            .first_head = tile.first_part,
                            .end_head = tile.end_part};
  if (layer_ == nullptr) {
    RunAttentionTile(spec_, sequence, packed, heads, sequence.contexts,
                     sequence.residual ? &sequence.queries : nullptr, scratch);
    return;
  }
  const std::int64_t width = spec_.num_heads * spec_.v_head_dim;
  const MutableRowsView contexts{
      .data = reinterpret_cast<std::byte*>(arena_ + plan_.arena.contexts) +
              placed.first_q * width * ElementBytes(),
      .dtype = spec_.compute_dtype,
      .row_stride = width};
  RunAttentionTile(spec_, sequence, packed, heads, contexts, nullptr, scratch);
}

}  // namespace attention
