#include "core/attention/layer_batch.h"

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <utility>

#include "core/attention/attention_tile.h"
#include "core/attention/pack.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// Rows of one product: enough to hide reading the weights again for each, and
// the product is still in the second-level cache when it is packed.
constexpr std::int64_t kProductRows = 256;

bool OfQueries(TileKind kind) {
  return kind == TileKind::kQueries || kind == TileKind::kContexts;
}

const RowsView& RowsOf(const Sequence& sequence, TileKind kind) {
  switch (kind) {
    case TileKind::kKeys:
      return sequence.keys;
    case TileKind::kValues:
      return sequence.values;
    case TileKind::kQueries:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return sequence.queries;
}

// Packs `rows` rows of a key head, which become first_row.. of the sequence.
void PackKeys(const AttentionSpec& spec, const Sequence& sequence,
              const SequencePlan& placed, std::int64_t head,
              std::int64_t first_row, std::int64_t rows, TileView from,
              float* arena) {
  // softmax(x) = 2^(x log2 e - max) / sum: the factor is free here.
  const double factor = sequence.scale * std::numbers::log2e;
  float* keys = arena + placed.keys + head * placed.key_columns * spec.head_dim;
  const std::int64_t end = first_row + rows;
  for (std::int64_t row = first_row; row < end;) {
    const std::int64_t first_key = row / kPanelColumns * kPanelColumns;
    const std::int64_t width =
        std::min(kPanelColumns, placed.key_columns - first_key);
    const std::int64_t count = std::min(end, first_key + width) - row;
    float* panel = keys + first_key * spec.head_dim;
    PackTransposed({from.data + (row - first_row) * from.stride, from.stride},
                   count, spec.head_dim, factor,
                   {panel + row - first_key, width});
    row += count;
    if (row < sequence.kv_len) continue;
    for (std::int64_t c = 0; c < spec.head_dim; ++c) {
      std::fill(panel + c * width + row - first_key, panel + (c + 1) * width,
                0.0F);
    }
  }
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
  arena.Reserve(static_cast<std::size_t>(plan_.arena_floats) * sizeof(float));
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
  if (layer_ != nullptr) return RunProjection(planned, segments, scratch);
  PackHeads(planned, segments, scratch);
  return absl::OkStatus();
}

std::vector<LayerBatch::Segment> LayerBatch::Segments(int tile) const {
  const PlannedTile& planned = plan_.tiles[static_cast<std::size_t>(tile)];
  const TileGraph::Tile& node =
      plan_.graph.tiles[static_cast<std::size_t>(tile)];
  const bool of_queries = OfQueries(planned.kind);
  std::vector<Segment> segments;
  for (auto s = static_cast<std::size_t>(node.first_sequence);
       s < static_cast<std::size_t>(node.end_sequence); ++s) {
    const SequencePlan& placed = plan_.sequences[s];
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
  const float* input = ProjectionInput(tile, segments, rows, scratch);
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
          count, input + row * projection.in_features(), chunk, product));
      if (in_place != nullptr) continue;
      for (const Segment& segment : segments) {
        const Segment stored = segment.Within(row, count);
        if (stored.rows == 0) continue;
        StoreProduct(tile.kind, stored, part * projection.chunk_columns(),
                     chunk.n(), product + stored.tile_row * chunk.n());
      }
    }
  }
  return absl::OkStatus();
}

// Queries and values are used as the projection leaves them.
float* LayerBatch::HeadsInPlace(TileKind kind, std::int64_t chunk,
                                std::int64_t row) const {
  switch (kind) {
    case TileKind::kQueries:
      return arena_ + plan_.queries.RowOffset(chunk, row);
    case TileKind::kValues:
      return arena_ + plan_.values.RowOffset(chunk, row);
    case TileKind::kKeys:
    case TileKind::kAttend:
    case TileKind::kContexts:
      break;
  }
  return nullptr;
}

const float* LayerBatch::ProjectionInput(const PlannedTile& tile,
                                         const std::vector<Segment>& segments,
                                         std::int64_t padded_rows,
                                         WorkerScratch& scratch) const {
  const std::int64_t columns = ProjectionOf(*layer_, tile.kind).in_features();
  if (tile.kind == TileKind::kContexts) {
    return arena_ + plan_.contexts + tile.first_row * columns;
  }
  if (padded_rows == tile.rows) {
    const float* dense = DenseRows(segments, tile.kind, columns);
    if (dense != nullptr) return dense;
  }
  scratch.rows.Reserve(padded_rows * columns * sizeof(float));
  float* rows = scratch.rows.floats();
  for (const Segment& segment : segments) {
    GatherRows(RowsOf(sequences_[segment.sequence], tile.kind),
               segment.first_row, segment.rows, columns,
               rows + segment.tile_row * columns);
  }
  std::fill(rows + tile.rows * columns, rows + padded_rows * columns, 0.0F);
  return rows;
}

// The rows of a tile where they are, when they are one dense piece of aligned
// f32; null otherwise.
const float* LayerBatch::DenseRows(const std::vector<Segment>& segments,
                                   TileKind kind, std::int64_t columns) const {
  const float* first = nullptr;
  for (const Segment& segment : segments) {
    const RowsView& view = RowsOf(sequences_[segment.sequence], kind);
    if (view.dtype != DType::kF32 || view.row_stride != columns ||
        reinterpret_cast<std::uintptr_t>(view.data) % alignof(float) != 0) {
      return nullptr;
    }
    const float* rows =
        reinterpret_cast<const float*>(view.data) + segment.first_row * columns;
    if (first == nullptr) first = rows;
    if (rows != first + segment.tile_row * columns) return nullptr;
  }
  return first;
}

void LayerBatch::StoreProduct(TileKind kind, const Segment& segment,
                              std::int64_t column, std::int64_t columns,
                              const float* product) {
  const Sequence& sequence = sequences_[segment.sequence];
  if (kind == TileKind::kContexts) {
    ScatterRows({product, columns}, nullptr, segment.rows, columns,
                sequence.residual ? &sequence.queries : nullptr,
                Stores::kCached, sequence.contexts, segment.first_row, column);
    return;
  }
  for (std::int64_t c = 0; c < columns; c += spec_.head_dim) {
    PackKeys(spec_, sequence, plan_.sequences[segment.sequence],
             (column + c) / spec_.head_dim, segment.first_row, segment.rows,
             {product + c, columns}, arena_);
  }
}

void LayerBatch::PackHeads(const PlannedTile& tile,
                           const std::vector<Segment>& segments,
                           WorkerScratch& scratch) {
  const std::int64_t width =
      tile.kind == TileKind::kValues ? spec_.v_head_dim : spec_.head_dim;
  scratch.rows.Reserve(tile.rows * width * sizeof(float));
  for (const Segment& segment : segments) {
    RowsView view = RowsOf(sequences_[segment.sequence], tile.kind);
    const std::int64_t head_bytes =
        width * static_cast<std::int64_t>(DTypeSize(view.dtype));
    view.data += tile.first_part * head_bytes;
    for (std::int64_t head = tile.first_part; head < tile.end_part; ++head) {
      float* in_place =
          HeadsInPlace(tile.kind, head, tile.first_row + segment.tile_row);
      float* rows = in_place != nullptr ? in_place : scratch.rows.floats();
      GatherRows(view, segment.first_row, segment.rows, width, rows);
      if (in_place == nullptr) {
        PackKeys(spec_, sequences_[segment.sequence],
                 plan_.sequences[segment.sequence], head, segment.first_row,
                 segment.rows, {rows, width}, arena_);
      }
      view.data += head_bytes;
    }
  }
}

void LayerBatch::RunAttend(const PlannedTile& tile, std::size_t s,
                           WorkerScratch& scratch) {
  const Sequence& sequence = sequences_[s];
  const SequencePlan& placed = plan_.sequences[s];
  const PackedSequence packed{.plan = plan_, .placed = placed, .arena = arena_};
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
      .data = reinterpret_cast<std::byte*>(arena_ + plan_.contexts +
                                           placed.first_q * width),
      .dtype = DType::kF32,
      .row_stride = width};
  RunAttentionTile(spec_, sequence, packed, heads, contexts, nullptr, scratch);
}

}  // namespace attention
