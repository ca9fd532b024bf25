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
  Clock::TimePoint arrival{};
};

// Why nobody waits for the answer any more; OK while somebody does.
absl::Status StillWanted(const AttentionRequest& request, Clock::TimePoint now);

// Decides; has no lock and no thread of its own.
class RequestQueue {
 public:
  explicit RequestQueue(const EngineOptions& options) : options_(options) {}

  // Whether a request of `tokens` may join: OK, InvalidArgument when it never
  // can, ResourceExhausted when it cannot now.
  absl::Status Admit(std::int64_t tokens) const;

  // REQUIRES: Admit(request.tokens).
  void Push(QueuedRequest request);

  struct Taken {
    // Requests of one model, oldest first, within the budget of a batch.
    std::vector<QueuedRequest> batch;
    // Requests that expired or were cancelled, each with the reason.
    std::vector<std::pair<QueuedRequest, absl::Status>> dropped;
  };

  // Takes what the oldest wanted request can be batched with.
  Taken Take(Clock::TimePoint now);

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
