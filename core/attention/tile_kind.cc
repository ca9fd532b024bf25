#include "core/attention/tile_kind.h"

namespace attention {

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

bool HasQueryRows(TileKind kind) {
  return kind == TileKind::kQueries || kind == TileKind::kContexts;
}

}  // namespace attention
