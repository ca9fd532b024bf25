// What a tile of a layer works on.
#ifndef CORE_ATTENTION_TILE_KIND_H_
#define CORE_ATTENTION_TILE_KIND_H_

#include <cstdint>

#include "core/attention/layer.h"
#include "core/attention/sequence.h"

namespace attention {

enum class TileKind : std::uint8_t {
  kGather,    // convert or join rows of queries, keys or values
  kQueries,   // project (or read) rows of queries
  kKeys,      // the same of keys, and pack them
  kValues,    // project (or read) rows of values
  kAttend,    // scores, softmax and contexts of some heads
  kContexts,  // out_proj of rows of contexts
};

// Those that begin with rows of a request.
inline constexpr TileKind kInputKinds[] = {TileKind::kQueries, TileKind::kKeys,
                                           TileKind::kValues};

// The projection that a tile of that kind multiplies with: kQueries, kKeys,
// kValues or kContexts.
const Projection& ProjectionOf(const AttentionLayer& layer, TileKind kind);

// The rows of a request that a tile of that kind reads: kQueries, kKeys or
// kValues.
const RowsView& InputRows(const Sequence& sequence, TileKind kind);

// True for kQueries and kContexts, whose rows are those of queries.
bool HasQueryRows(TileKind kind);

}  // namespace attention

#endif  // CORE_ATTENTION_TILE_KIND_H_
