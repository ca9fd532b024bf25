// The requests that wait, by priority, and which of them make a batch.
#ifndef CORE_ENGINE_REQUEST_QUEUE_H_
#define CORE_ENGINE_REQUEST_QUEUE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/engine_options.h"
#include "core/engine/priority.h"
#include "core/engine/request.h"

namespace attention {

// A request and what the engine knows of it.
struct QueuedRequest {
  AttentionRequest request{};
  std::int64_t tokens = 0;
  // Working memory that it takes in a batch.
  std::int64_t arena_bytes = 0;
  Clock::TimePoint arrival{};
};

// Why nobody waits for the answer any more; OK while somebody does.
absl::Status StillWanted(const AttentionRequest& request, Clock::TimePoint now);

// Decides; has no lock and no thread of its own. The first request is the
// oldest of the highest priority.
class RequestQueue {
 public:
  explicit RequestQueue(const EngineOptions& options) : options_(options) {}

  // Whether a request may join: OK, InvalidArgument when it never can,
  // ResourceExhausted when it cannot now.
  absl::Status Admit(const QueuedRequest& request) const;

  // REQUIRES: Admit(request) is OK.
  void Push(QueuedRequest request);

  // Requests that expired or were cancelled, each with the reason.
  using Dropped = std::vector<std::pair<QueuedRequest, absl::Status>>;

  struct Taken {
    // Requests of one model, first ones first, within the budget of a batch.
    std::vector<QueuedRequest> batch;
    Dropped dropped;
    // Tokens and working memory of the batch.
    std::int64_t tokens = 0;
    std::int64_t arena_bytes = 0;
  };

  // True when the first request fits `arena_bytes` of working memory.
  bool CanTake(std::int64_t arena_bytes) const;

  // Takes the first wanted request and fills its batch, in `arena_bytes`, with
  // the next ones of its model, lower priorities included. What nobody waits
  // for is dropped on the way.
  Taken Take(Clock::TimePoint now, std::int64_t arena_bytes);

  // Takes out all that nobody waits for.
  Dropped DropUnwanted(Clock::TimePoint now);

  // Takes everything, in order.
  std::vector<QueuedRequest> Clear();

  bool empty() const { return size_ == 0; }
  std::int64_t size() const { return size_; }
  std::int64_t tokens() const { return tokens_; }

 private:
  // Requests of one priority, oldest first.
  using Level = std::deque<QueuedRequest>;

  // Goes through one level, as Take does. False when the batch is closed.
  bool TakeFrom(Level& level, Clock::TimePoint now, std::int64_t arena_bytes,
                Taken& taken);
  // Counts a request that leaves.
  void Forget(const QueuedRequest& request);

  const EngineOptions options_;
  std::array<Level, kPriorityLevels> levels_;
  // Of all levels.
  std::int64_t size_ = 0;
  std::int64_t tokens_ = 0;
};

}  // namespace attention

#endif  // CORE_ENGINE_REQUEST_QUEUE_H_
