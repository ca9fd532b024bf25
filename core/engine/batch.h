// A batch that runs: its requests, its program, and which tiles may run next.
#ifndef CORE_ENGINE_BATCH_H_
#define CORE_ENGINE_BATCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/base/aligned_buffer.h"
#include "core/base/clock.h"
#include "core/engine/kernel.h"
#include "core/engine/request_queue.h"

namespace attention {

// Not thread-safe but for RunTile: the engine's lock guards it.
class Batch {
 public:
  // REQUIRES: `taken.batch` is not empty.
  Batch(RequestQueue::Taken taken, AlignedBuffer arena, Clock::TimePoint start);

  // Cuts the batch into tiles. ResourceExhausted when there is no memory for
  // it: then only EndAll and the destructor may follow.
  absl::Status Plan(const Kernel& kernel, int num_workers);

  struct NextTile {
    int tile = 0;
    // False when nobody waits for what the tile computes.
    bool wanted = true;
    double cost = 0;
  };

  // The longest tile that may run now; nothing when all that are left wait for
  // others.
  std::optional<NextTile> TakeTile(Clock::TimePoint now);

  // Runs a taken tile. Thread-safe, outside the engine's lock.
  absl::Status RunTile(int tile, WorkerScratch& scratch);

  // A request that ended, ready to be told.
  struct Ended {
    AttentionDone done;
    absl::Status status;
    AttentionTiming timing;
  };

  // Opens what waited for the tile. Returns the requests that ended with it.
  std::vector<Ended> FinishTile(int tile, const absl::Status& status,
                                Clock::TimePoint now);

  // Ends every request. REQUIRES: no tile was taken.
  std::vector<Ended> EndAll(const absl::Status& status, Clock::TimePoint now);

  int num_ready() const { return static_cast<int>(ready_.size()); }
  bool finished() const { return unfinished_tiles_ == 0; }
  std::int64_t num_running() const { return unfinished_requests_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }
  // Estimated work of all its tiles.
  double cost() const { return cost_; }

  // The memory, for the next batch. REQUIRES: finished().
  AlignedBuffer TakeArena();

 private:
  struct Member {
    QueuedRequest queued;
    std::int64_t unfinished_sequences = 0;
    absl::Status status;
  };

  void Ready(int tile);
  void MarkUnwanted(const TileGraph::Tile& tile, Clock::TimePoint now);
  bool Wanted(const TileGraph::Tile& tile) const;
  Ended End(Member& member, Clock::TimePoint now);

  std::vector<Member> members_;
  std::vector<int> member_of_sequence_;
  const Clock::TimePoint start_;
  const std::int64_t tokens_;
  const std::int64_t arena_bytes_;
  double cost_ = 0;
  AlignedBuffer arena_;
  std::unique_ptr<TileProgram> program_;
  std::vector<int> pending_;  // by gate
  std::vector<int> ready_;    // a heap by cost
  std::int64_t unfinished_tiles_ = 0;
  std::int64_t unfinished_requests_ = 0;
};

}  // namespace attention

#endif  // CORE_ENGINE_BATCH_H_
