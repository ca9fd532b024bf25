// One ragged batch on its way through a layer.
#ifndef CORE_ATTENTION_LAYER_BATCH_H_
#define CORE_ATTENTION_LAYER_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/attention/attention_spec.h"
#include "core/attention/layer.h"
#include "core/attention/layer_plan.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_graph.h"
#include "core/attention/worker_scratch.h"
#include "core/base/aligned_buffer.h"

namespace attention {

// Owns the plan and borrows everything else: the layer, the arena and the
// memory behind the sequences outlive it.
class LayerBatch {
 public:
  // `layer` is null for `sdpa`, where `spec` says the heads. The arena is grown
  // as needed.
  LayerBatch(const AttentionSpec& spec, const AttentionLayer* layer,
             std::vector<Sequence> sequences, int num_workers,
             AlignedBuffer& arena);

  const LayerPlan& plan() const { return plan_; }

  // Runs one tile. Thread-safe for tiles that the graph allows at once, each
  // with a scratch of its own thread.
  absl::Status RunTile(int tile, WorkerScratch& scratch);

 private:
  // Rows of one sequence inside a tile.
  struct Segment;

  std::vector<Segment> Segments(int tile) const;
  std::int64_t ElementBytes() const;  // of compute_dtype
  DType ProductDType(TileKind kind) const;
  void GatherInputs(const PlannedTile& tile,
                    const std::vector<Segment>& segments) const;
  // kQueries, kKeys, kValues and kContexts of a layer with projections.
  absl::Status RunProjection(const PlannedTile& tile,
                             const std::vector<Segment>& segments,
                             WorkerScratch& scratch);
  const std::byte* ProjectionInput(const PlannedTile& tile,
                                   const std::vector<Segment>& segments,
                                   std::int64_t padded_rows,
                                   WorkerScratch& scratch) const;
  const std::byte* DenseRows(const std::vector<Segment>& segments,
                             TileKind kind, std::int64_t columns) const;
  void StoreProduct(TileKind kind, const Segment& segment, std::int64_t column,
                    std::int64_t columns, WorkerScratch& scratch);
  // kQueries, kKeys and kValues of `sdpa`.
  void PackHeads(const PlannedTile& tile, const std::vector<Segment>& segments,
                 WorkerScratch& scratch);
  float* HeadsInPlace(TileKind kind, std::int64_t chunk,
                      std::int64_t row) const;
  void RunAttend(const PlannedTile& tile, std::size_t sequence,
                 WorkerScratch& scratch);

  AttentionSpec spec_;
  const AttentionLayer* layer_;
  std::vector<Sequence> sequences_;
  LayerPlan plan_;
  float* arena_;
};

}  // namespace attention

#endif  // CORE_ATTENTION_LAYER_BATCH_H_
