#include "core/engine/batch.h"

#include <algorithm>
#include <new>
#include <utility>

namespace attention {
namespace {

struct Cheaper {
  const TileGraph& graph;

  // Of two equal tiles the first planned one goes first.
  bool operator()(int a, int b) const {
    const double cost_a = graph.tiles[static_cast<std::size_t>(a)].cost;
    const double cost_b = graph.tiles[static_cast<std::size_t>(b)].cost;
    return cost_a != cost_b ? cost_a < cost_b : a > b;
  }
};

absl::Status OutOfMemory() {
  return absl::ResourceExhaustedError(
      "the server has no memory left for the request; send less at once or "
      "lower --max-batch-bytes");
}

}  // namespace

Batch::Batch(RequestQueue::Taken taken, AlignedBuffer arena,
             Clock::TimePoint start)
    : start_(start),
      tokens_(taken.tokens),
      arena_bytes_(taken.arena_bytes),
      arena_(std::move(arena)) {
  for (QueuedRequest& queued : taken.batch) {
    const std::size_t sequences = queued.request.sequences.size();
    member_of_sequence_.insert(member_of_sequence_.end(), sequences,
                               static_cast<int>(members_.size()));
    Member member;
    member.unfinished_sequences = static_cast<std::int64_t>(sequences);
    member.queued = std::move(queued);
    members_.push_back(std::move(member));
  }
  unfinished_requests_ = static_cast<std::int64_t>(members_.size());
}

absl::Status Batch::Plan(const Kernel& kernel, int num_workers) try {
  std::vector<Sequence> sequences;
  for (const Member& member : members_) {
    const auto& own = member.queued.request.sequences;
    sequences.insert(sequences.end(), own.begin(), own.end());
  }
  const AttentionRequest& first = members_.front().queued.request;
  program_ = kernel.Plan(first.model.get(), first.sdpa_spec,
                         std::move(sequences), num_workers, arena_);
  const TileGraph& graph = program_->graph();
  unfinished_tiles_ = static_cast<std::int64_t>(graph.tiles.size());
  pending_.reserve(graph.gates.size());
  for (const TileGraph::Gate& gate : graph.gates) {
    pending_.push_back(gate.pending);
  }
  for (const TileGraph::Tile& tile : graph.tiles) cost_ += tile.cost;
  for (const int tile : graph.initial) Ready(tile);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return OutOfMemory();
}

absl::Status Batch::RunTile(int tile, WorkerScratch& scratch) try {
  return program_->RunTile(tile, scratch);
} catch (const std::bad_alloc&) {
  return OutOfMemory();
}

std::optional<Batch::NextTile> Batch::TakeTile(Clock::TimePoint now) {
  if (ready_.empty()) return std::nullopt;
  const TileGraph& graph = program_->graph();
  std::pop_heap(ready_.begin(), ready_.end(), Cheaper{graph});
  const int tile = ready_.back();
  ready_.pop_back();
  const TileGraph::Tile& node = graph.tiles[static_cast<std::size_t>(tile)];
  MarkUnwanted(node, now);
  return NextTile{.tile = tile, .wanted = Wanted(node), .cost = node.cost};
}

std::vector<Batch::Ended> Batch::FinishTile(int tile,
                                            const absl::Status& status,
                                            Clock::TimePoint now) {
  const TileGraph& graph = program_->graph();
  const TileGraph::Tile& node = graph.tiles[static_cast<std::size_t>(tile)];
  if (!status.ok()) {
    for (int s = node.first_sequence; s < node.end_sequence; ++s) {
      members_[static_cast<std::size_t>(
                   member_of_sequence_[static_cast<std::size_t>(s)])]
          .status.Update(status);
    }
  }
  std::vector<Ended> ended;
  for (const int gate : node.signals) {
    if (--pending_[static_cast<std::size_t>(gate)] > 0) continue;
    const TileGraph::Gate& open = graph.gates[static_cast<std::size_t>(gate)];
    for (const int next : open.tiles) Ready(next);
    if (open.finished_sequence < 0) continue;
    Member& member = members_[static_cast<std::size_t>(
        member_of_sequence_[static_cast<std::size_t>(open.finished_sequence)])];
    if (--member.unfinished_sequences == 0) ended.push_back(End(member, now));
  }
  --unfinished_tiles_;
  return ended;
}

std::vector<Batch::Ended> Batch::EndAll(const absl::Status& status,
                                        Clock::TimePoint now) {
  std::vector<Ended> ended;
  for (Member& member : members_) {
    member.status.Update(status);
    ended.push_back(End(member, now));
  }
  return ended;
}

AlignedBuffer Batch::TakeArena() {
  program_.reset();
  return std::move(arena_);
}

void Batch::Ready(int tile) {
  ready_.push_back(tile);
  std::push_heap(ready_.begin(), ready_.end(), Cheaper{program_->graph()});
}

// Long requests are given up between tiles, not only in the queue.
void Batch::MarkUnwanted(const TileGraph::Tile& tile, Clock::TimePoint now) {
  for (int s = tile.first_sequence; s < tile.end_sequence; ++s) {
    Member& member = members_[static_cast<std::size_t>(
        member_of_sequence_[static_cast<std::size_t>(s)])];
    if (member.status.ok()) {
      member.status = StillWanted(member.queued.request, now);
    }
  }
}

bool Batch::Wanted(const TileGraph::Tile& tile) const {
  for (int s = tile.first_sequence; s < tile.end_sequence; ++s) {
    const Member& member = members_[static_cast<std::size_t>(
        member_of_sequence_[static_cast<std::size_t>(s)])];
    if (member.status.ok()) return true;
  }
  return false;
}

Batch::Ended Batch::End(Member& member, Clock::TimePoint now) {
  --unfinished_requests_;
  AttentionTiming timing;
  timing.queue = start_ - member.queued.arrival;
  timing.compute = now - start_;
  timing.batch_requests = static_cast<std::int64_t>(members_.size());
  timing.batch_tokens = tokens_;
  return {std::move(member.queued.request.done), std::move(member.status),
          timing};
}

}  // namespace attention
