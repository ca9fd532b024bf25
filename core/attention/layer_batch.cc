#include "core/attention/layer_batch.h"

#include <algorithm>
#include <cstring>
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

// Writes heads of one sequence from a product of rows into the arena.
class HeadPacker {
 public:
  HeadPacker(const AttentionSpec& spec, const Sequence& sequence,
             const SequencePlan& placed, float* arena)
      : spec_(spec), sequence_(sequence), placed_(placed), arena_(arena) {}

  // `rows` rows of `head` become rows first_row.. of the sequence.
  void Pack(TileKind kind, std::int64_t head, std::int64_t first_row,
            std::int64_t rows, TileView from) const {
    if (kind == TileKind::kQueries) PackQueries(head, first_row, rows, from);
    if (kind == TileKind::kKeys) PackKeys(head, first_row, rows, from);
    if (kind == TileKind::kValues) PackValues(head, first_row, rows, from);
  }

 private:
  void PackQueries(std::int64_t head, std::int64_t first_row, std::int64_t rows,
                   TileView from) const {
    // softmax(x) = 2^(x log2 e - max) / sum: the factor is free here.
    const double factor = sequence_.scale * std::numbers::log2e;
    const std::int64_t width = spec_.head_dim;
    float* to = arena_ + placed_.queries + head * sequence_.q_len * width;
    PackRows(from, rows, width, factor, {to + first_row * width, width});
  }

  void PackKeys(std::int64_t head, std::int64_t first_row, std::int64_t rows,
                TileView from) const {
    float* keys =
        arena_ + placed_.keys + head * placed_.kv_rows * spec_.head_dim;
    const std::int64_t end = first_row + rows;
    for (std::int64_t row = first_row; row < end;) {
      const std::int64_t first_key = row / kPanelColumns * kPanelColumns;
      const std::int64_t width =
          std::min(kPanelColumns, placed_.kv_rows - first_key);
      const std::int64_t count = std::min(end, first_key + width) - row;
      float* panel = keys + first_key * spec_.head_dim;
      PackTransposed({from.data + (row - first_row) * from.stride, from.stride},
                     count, spec_.head_dim, {panel + row - first_key, width});
      row += count;
      if (row == sequence_.kv_len) {
        for (std::int64_t c = 0; c < spec_.head_dim; ++c) {
          std::fill(panel + c * width + row - first_key,
                    panel + (c + 1) * width, 0.0F);
        }
      }
    }
  }

  void PackValues(std::int64_t head, std::int64_t first_row, std::int64_t rows,
                  TileView from) const {
    const std::int64_t width = ValuesWidth(spec_);
    float* to = arena_ + placed_.values + head * placed_.kv_rows * width;
    PackRows(from, rows, spec_.v_head_dim, 1.0,
             {to + first_row * width, width});
    if (spec_.v_head_dim < width) {
      for (std::int64_t row = first_row; row < first_row + rows; ++row) {
        std::fill(to + row * width + spec_.v_head_dim, to + (row + 1) * width,
                  0.0F);
      }
    }
    if (first_row + rows == sequence_.kv_len) {
      std::fill(to + sequence_.kv_len * width, to + placed_.kv_rows * width,
                0.0F);
    }
  }

  const AttentionSpec& spec_;
  const Sequence& sequence_;
  const SequencePlan& placed_;
  float* const arena_;
};

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
  return layer_ != nullptr ? RunProjection(planned, segments, scratch)
                           : PackHeads(planned, segments, scratch);
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
  float* product = scratch.product.floats();
  for (std::int64_t part = tile.first_part; part < tile.end_part; ++part) {
    const PackedMatrix& chunk = projection.chunk(part);
    const std::int64_t column = part * projection.chunk_columns();
    for (std::int64_t row = 0; row < rows; row += at_once) {
      const std::int64_t count = std::min(at_once, rows - row);
      ATTENTION_RETURN_IF_ERROR(scratch.gemm.Multiply(
          count, input + row * projection.in_features(), chunk, product));
      for (const Segment& segment : segments) {
        const Segment stored = segment.Within(row, count);
        if (stored.rows == 0) continue;
        StoreProduct(tile.kind, stored, column, chunk.n(),
                     product + stored.tile_row * chunk.n());
      }
    }
  }
  return absl::OkStatus();
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
  const HeadPacker packer(spec_, sequence, plan_.sequences[segment.sequence],
                          arena_);
  const std::int64_t width =
      kind == TileKind::kValues ? spec_.v_head_dim : spec_.head_dim;
  for (std::int64_t c = 0; c < columns; c += width) {
    packer.Pack(kind, (column + c) / width, segment.first_row, segment.rows,
                {product + c, columns});
  }
}

absl::Status LayerBatch::PackHeads(const PlannedTile& tile,
                                   const std::vector<Segment>& segments,
                                   WorkerScratch& scratch) {
  const std::int64_t width =
      tile.kind == TileKind::kValues ? spec_.v_head_dim : spec_.head_dim;
  scratch.rows.Reserve(tile.rows * width * sizeof(float));
  for (const Segment& segment : segments) {
    const HeadPacker packer(spec_, sequences_[segment.sequence],
                            plan_.sequences[segment.sequence], arena_);
    RowsView view = RowsOf(sequences_[segment.sequence], tile.kind);
    const std::int64_t head_bytes =
        width * static_cast<std::int64_t>(DTypeSize(view.dtype));
    view.data += tile.first_part * head_bytes;
    for (std::int64_t head = tile.first_part; head < tile.end_part; ++head) {
      GatherRows(view, segment.first_row, segment.rows, width,
                 scratch.rows.floats());
      packer.Pack(tile.kind, head, segment.first_row, segment.rows,
                  {scratch.rows.floats(), width});
      view.data += head_bytes;
    }
  }
  return absl::OkStatus();
}

void LayerBatch::RunAttend(const PlannedTile& tile, std::size_t s,
                           WorkerScratch& scratch) {
  const Sequence& sequence = sequences_[s];
  const SequencePlan& placed = plan_.sequences[s];
  const PackedSequence packed{.queries = arena_ + placed.queries,
                              .keys = arena_ + placed.keys,
                              .values = arena_ + placed.values,
                              .kv_rows = placed.kv_rows};
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
