// The requests that wait, oldest first, and which of them make a batch.
#ifndef CORE_ENGINE_REQUEST_QUEUE_H_
#define CORE_ENGINE_REQUEST_QUEUE_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/engine_options.h"
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

// Decides; has no lock and no thread of its own.
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
    // Requests of one model, oldest first, within the budget of a batch.
    std::vector<QueuedRequest> batch;
    Dropped dropped;
    // Working memory of the batch.
    std::int64_t arena_bytes = 0;
  };

  // True when the oldest request fits `arena_bytes` of working memory.
  bool CanTake(std::int64_t arena_bytes) const;

  // Takes what the oldest wanted request can be batched with in `arena_bytes`.
  // What nobody waits for is dropped on the way.
  Taken Take(Clock::TimePoint now, std::int64_t arena_bytes);

  // Takes out all that nobody waits for.
  Dropped DropUnwanted(Clock::TimePoint now);

  // Takes everything.
  std::vector<QueuedRequest> Clear();

  bool empty() const { return requests_.empty(); }
  std::int64_t size() const {
    return static_cast<std::int64_t>(requests_.size());
  }
  std::int64_t tokens() const { return tokens_; }

 private:
  const EngineOptions options_;
  std::deque<QueuedRequest> requests_;
  std::int64_t tokens_ = 0;
};

}  // namespace attention

#endif  // CORE_ENGINE_REQUEST_QUEUE_H_
