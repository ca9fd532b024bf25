// The seam between scheduling and computing, so that tests can schedule
// without computing.
#ifndef CORE_ENGINE_KERNEL_H_
#define CORE_ENGINE_KERNEL_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/attention/sequence.h"
#include "core/attention/tile_graph.h"
#include "core/attention/worker_scratch.h"
#include "core/base/aligned_buffer.h"
#include "core/model/model.h"

namespace attention {

// One ragged batch, cut into tiles.
class TileProgram {
 public:
  virtual ~TileProgram() = default;

  virtual const TileGraph& graph() const = 0;

  // Thread-safe for tiles that the graph allows at once.
  virtual absl::Status RunTile(int tile, WorkerScratch& scratch) = 0;
};

// Makes programs. Thread-safe.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // Working memory that `sequences` take in a batch; that of a batch is at most
  // the sum over its requests.
  virtual std::int64_t ArenaBytes(
      const Model* model, const AttentionSpec& spec,
      const std::vector<Sequence>& sequences) const = 0;

  // Plans `sequences` of `model`, or of `sdpa` with `spec` when it is null, for
  // `num_workers`. The arena outlives the program and serves one at a time.
  virtual std::unique_ptr<TileProgram> Plan(const Model* model,
                                            const AttentionSpec& spec,
                                            std::vector<Sequence> sequences,
                                            int num_workers,
                                            AlignedBuffer& arena) const = 0;
};

// The kernel of core/attention; lives for ever.
const Kernel& AttentionKernel();

}  // namespace attention

#endif  // CORE_ENGINE_KERNEL_H_
