// A kernel that computes nothing: the test decides when and how tiles end.
#ifndef TESTS_SUPPORT_FAKE_KERNEL_H_
#define TESTS_SUPPORT_FAKE_KERNEL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <new>
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

  enum class Tiles : std::uint8_t {
    kChains,  // a chain of two tiles for every sequence
    kShared,  // one tile for all sequences
  };

  explicit FakeKernel(OnTile on_tile, Tiles tiles = Tiles::kChains)
      : on_tile_(std::move(on_tile)), tiles_(tiles) {}

  // A mebibyte a query.
  std::int64_t ArenaBytes(
      const Model* /*model*/, const AttentionSpec& /*spec*/,
      const std::vector<Sequence>& sequences) const override {
    std::int64_t queries = 0;
    for (const Sequence& sequence : sequences) queries += sequence.q_len;
    return queries << 20;
  }

  std::unique_ptr<TileProgram> Plan(const Model* /*model*/,
                                    const AttentionSpec& /*spec*/,
                                    std::vector<Sequence> sequences,
                                    int /*num_workers*/,
                                    AlignedBuffer& /*arena*/) const override {
    if (throws_.load()) throw std::bad_alloc();
    {
      const MutexLock lock(mutex_);
      std::vector<std::int64_t> lengths;
      for (const Sequence& sequence : sequences) {
        lengths.push_back(sequence.q_len);
      }
      batches_.push_back(std::move(lengths));
    }
    return std::make_unique<Program>(std::move(sequences), on_tile_, tiles_);
  }

  // From now on there is no memory for a plan.
  void ThrowInPlan(bool throws) { throws_ = throws; }

  // The q_lens of every batch that was planned, in order.
  std::vector<std::vector<std::int64_t>> batches() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return batches_;
  }

 private:
  class Program final : public TileProgram {
   public:
    Program(std::vector<Sequence> sequences, const OnTile& on_tile, Tiles tiles)
        : sequences_(std::move(sequences)), on_tile_(on_tile) {
      if (tiles == Tiles::kChains) {
        AddChains();
      } else {
        AddShared();
      }
    }

    const TileGraph& graph() const override { return graph_; }
    absl::Status RunTile(int tile, WorkerScratch& /*scratch*/) override {
      const int sequence =
          graph_.tiles[static_cast<std::size_t>(tile)].first_sequence;
      return on_tile_(sequences_[static_cast<std::size_t>(sequence)].q_len);
    }

   private:
    void AddChains() {
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

    void AddShared() {
      TileGraph::Tile tile;
      tile.end_sequence = static_cast<int>(sequences_.size());
      for (int s = 0; s < tile.end_sequence; ++s) {
        tile.signals.push_back(s);
        graph_.gates.push_back(
            {.pending = 1, .tiles = {}, .finished_sequence = s});
      }
      graph_.tiles.push_back(std::move(tile));
      graph_.initial.push_back(0);
    }

    const std::vector<Sequence> sequences_;
    const OnTile& on_tile_;
    TileGraph graph_;
  };

  const OnTile on_tile_;
  const Tiles tiles_;
  std::atomic<bool> throws_ = false;
  mutable Mutex mutex_;
  mutable std::vector<std::vector<std::int64_t>> batches_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // TESTS_SUPPORT_FAKE_KERNEL_H_
