// A kernel that computes nothing: every sequence is a chain of two tiles, and
// the test decides when and how they end.
#ifndef TESTS_SUPPORT_FAKE_KERNEL_H_
#define TESTS_SUPPORT_FAKE_KERNEL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/kernel.h"

namespace attention {

// Thread-safe. Outlives the engine that it is given to.
class FakeKernel final : public Kernel {
 public:
  // What RunTile does; the tile's sequence is identified by its q_len.
  using OnTile = std::function<absl::Status(std::int64_t q_len)>;

  explicit FakeKernel(OnTile on_tile) : on_tile_(std::move(on_tile)) {}

  std::unique_ptr<TileProgram> Plan(const Model* /*model*/,
                                    const AttentionSpec& /*spec*/,
                                    std::vector<Sequence> sequences,
                                    int /*num_workers*/,
                                    AlignedBuffer& /*arena*/) const override {
    {
      const MutexLock lock(mutex_);
      std::vector<std::int64_t> lengths;
      for (const Sequence& sequence : sequences) {
        lengths.push_back(sequence.q_len);
      }
      batches_.push_back(std::move(lengths));
    }
    return std::make_unique<Program>(std::move(sequences), on_tile_);
  }

  // The q_lens of every batch that was planned, in order.
  std::vector<std::vector<std::int64_t>> batches() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return batches_;
  }

 private:
  class Program final : public TileProgram {
   public:
    Program(std::vector<Sequence> sequences, const OnTile& on_tile)
        : sequences_(std::move(sequences)), on_tile_(on_tile) {
      const auto count = static_cast<int>(sequences_.size());
      for (int s = 0; s < count; ++s) {
        const int first_gate = 2 * s;
        for (int step = 0; step < 2; ++step) {
          TileGraph::Tile tile;
          tile.signals = {first_gate + step};
          tile.cost = static_cast<double>(
              sequences_[static_cast<std::size_t>(s)].q_len);
          tile.first_sequence = s;
          tile.end_sequence = s + 1;
          graph_.tiles.push_back(std::move(tile));
          graph_.gates.push_back({.pending = 1, .tiles = {}});
        }
        graph_.initial.push_back(2 * s);
        graph_.gates[static_cast<std::size_t>(first_gate)].tiles = {2 * s + 1};
        graph_.gates[static_cast<std::size_t>(first_gate) + 1]
            .finished_sequence = s;
      }
    }

    const TileGraph& graph() const override { return graph_; }
    absl::Status RunTile(int tile, WorkerScratch& /*scratch*/) override {
      return on_tile_(sequences_[static_cast<std::size_t>(tile / 2)].q_len);
    }

   private:
    const std::vector<Sequence> sequences_;
    const OnTile& on_tile_;
    TileGraph graph_;
  };

  const OnTile on_tile_;
  mutable Mutex mutex_;
  mutable std::vector<std::vector<std::int64_t>> batches_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // TESTS_SUPPORT_FAKE_KERNEL_H_
