#include "core/attention/arena_layout.h"

#include <algorithm>
#include <numeric>

#include "core/base/round_up.h"

namespace attention {
namespace {

std::int64_t RowCount(const Sequence& sequence, TileKind kind) {
  return HasQueryRows(kind) ? sequence.q_len : sequence.kv_len;
}

// The same rows of every sequence, as in self-attention.
bool SameInputs(std::span<const Sequence> sequences, TileKind a, TileKind b) {
  return std::all_of(sequences.begin(), sequences.end(),
                     [&](const Sequence& sequence) {
                       return RowCount(sequence, a) == RowCount(sequence, b) &&
                              InputRows(sequence, a) == InputRows(sequence, b);
                     });
}

// Which inputs of layers get a place. Beside other sequences those that
// could be read in place, or shared, may have to be gathered, and apart.
enum class Gathered : std::uint8_t { kAsNeeded, kAll };

class Layouter {
 public:
  Layouter(const AttentionSpec& spec, const AttentionLayer* layer,
           std::span<const Sequence> sequences, Gathered gathered)
      : spec_(spec),
        layer_(layer),
        sequences_(sequences),
        gathered_(gathered) {}

  ArenaLayout LayOut() {
    for (const Sequence& sequence : sequences_) PlaceSequence(sequence);
    arena_.queries =
        PlaceHeads(TileKind::kQueries, spec_.num_heads, spec_.head_dim);
    if (!computes_bf16()) {
      arena_.values =
          PlaceHeads(TileKind::kValues, spec_.num_kv_heads, spec_.v_head_dim);
    }
    if (layer_ != nullptr) {
      arena_.contexts = Take(Lanes(PaddedRows(TileKind::kContexts) *
                                   spec_.num_heads * spec_.v_head_dim));
      arena_.inputs.queries = PlaceInputs(TileKind::kQueries);
      arena_.inputs.keys = PlaceInputs(TileKind::kKeys);
      arena_.inputs.values = PlaceInputs(TileKind::kValues);
    }
    return std::move(arena_);
  }

 private:
  // Takes `lanes` of the arena, each piece on a cache line.
  std::int64_t Take(std::int64_t lanes) {
    const std::int64_t offset = arena_.lanes;
    arena_.lanes += RoundUp(lanes, kLineLanes);
    return offset;
  }

  bool computes_bf16() const { return spec_.compute_dtype == DType::kBF16; }

  std::int64_t Lanes(std::int64_t elements) const {
    const std::int64_t per_lane = ElementsPerLane(spec_.compute_dtype);
    return (elements + per_lane - 1) / per_lane;
  }

  std::int64_t PaddedRows(TileKind kind) const {
    return RoundUp(arena_.RowsOf(kind), RowMultiple(layer_));
  }

  void PlaceSequence(const Sequence& sequence) {
    SequencePlace placed;
    placed.first_q = arena_.q_rows;
    placed.first_kv = arena_.kv_rows;
    placed.key_columns = RoundUp(sequence.kv_len, kColumnMultiple);
    placed.keys =
        Take(spec_.num_kv_heads * placed.key_columns * Lanes(spec_.head_dim));
    if (computes_bf16()) {
      placed.values = Take(spec_.num_kv_heads * Lanes(placed.key_columns) *
                           spec_.v_head_dim);
    }
    arena_.q_rows += sequence.q_len;
    arena_.kv_rows += sequence.kv_len;
    arena_.sequences.push_back(placed);
  }

  HeadRows PlaceHeads(TileKind kind, std::int64_t heads,
                      std::int64_t head_dim) {
    HeadRows placed;
    placed.rows = PaddedRows(kind);
    placed.columns = Lanes(heads * head_dim);
    placed.chunk_columns =
        Lanes(layer_ == nullptr ? head_dim
                                : ProjectionOf(*layer_, kind).chunk_columns());
    placed.head_dim = Lanes(head_dim);
    placed.offset = Take(placed.rows * placed.columns);
    return placed;
  }

  // A place of their own for rows that must be converted or joined, or the
  // place of an earlier kind that reads the same rows. Every chunk of three
  // projections reads them: were they gathered by each tile, those in pieces of
  // 16 KiB would cost 12 % of a layer of 8 x 128 x 768, once costs 1 %.
  std::int64_t PlaceInputs(TileKind kind) {
    if (gathered_ == Gathered::kAsNeeded) {
      const bool in_place = std::all_of(
          sequences_.begin(), sequences_.end(), [&](const Sequence& sequence) {
            const RowsView& rows = InputRows(sequence, kind);
            return rows.dtype == spec_.compute_dtype &&
                   rows.fragments == nullptr;
          });
      if (in_place) return ArenaLayout::Inputs::kInPlace;
      const TileKind same = SameAs(kind);
      if (same != kind) return arena_.inputs.Of(same);
    }
    return Take(
        Lanes(PaddedRows(kind) * ProjectionOf(*layer_, kind).in_features()));
  }

  // Rows may be the same memory and yet be read further by one projection.
  bool SameWidth(TileKind a, TileKind b) const {
    return ProjectionOf(*layer_, a).in_features() ==
           ProjectionOf(*layer_, b).in_features();
  }

  // The first kind that reads the same rows.
  TileKind SameAs(TileKind kind) const {
    for (const TileKind earlier : kInputKinds) {
      if (earlier == kind) break;
      if (SameWidth(earlier, kind) && SameInputs(sequences_, earlier, kind)) {
        return earlier;
      }
    }
    return kind;
  }

  const AttentionSpec& spec_;
  const AttentionLayer* const layer_;
  const std::span<const Sequence> sequences_;
  const Gathered gathered_;
  ArenaLayout arena_;
};

}  // namespace

std::int64_t ArenaLayout::Inputs::Of(TileKind kind) const {
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

ArenaLayout LayOutArena(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences) {
  return Layouter(spec, layer, sequences, Gathered::kAsNeeded).LayOut();
}

std::int64_t ArenaLanes(const AttentionSpec& spec, const AttentionLayer* layer,
                        std::span<const Sequence> sequences) {
  return Layouter(spec, layer, sequences, Gathered::kAll).LayOut().lanes;
}

std::int64_t RowMultiple(const AttentionLayer* layer) {
  if (layer == nullptr) return 1;
  return std::lcm(
      std::lcm(layer->q_proj().row_multiple(), layer->k_proj().row_multiple()),
      std::lcm(layer->v_proj().row_multiple(),
               layer->out_proj().row_multiple()));
}

}  // namespace attention
