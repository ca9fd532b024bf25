// What the engine takes and what it says when it is done.
#ifndef CORE_ENGINE_REQUEST_H_
#define CORE_ENGINE_REQUEST_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/attention/sequence.h"
#include "core/base/clock.h"
#include "core/model/model.h"

namespace attention {

// How a request fared.
struct AttentionTiming {
  // From Submit to the start of its batch.
  std::chrono::nanoseconds queue{0};
  // From the start of its batch to the answer.
  std::chrono::nanoseconds compute{0};
  // Requests and tokens in its batch.
  std::int64_t batch_requests = 0;
  std::int64_t batch_tokens = 0;
};

// Called exactly once a request, on a worker thread, or inside Submit when the
// request is refused. Must not block.
using AttentionDone =
    absl::AnyInvocable<void(const absl::Status&, const AttentionTiming&) &&>;

// A batch of sequences for one model. The caller keeps the memory behind every
// view alive, and the outputs untouched, until `done` is called.
struct AttentionRequest {
  // Null is `sdpa`, which needs `sdpa_spec`.
  std::shared_ptr<const Model> model{};
  AttentionSpec sdpa_spec{};
  // At least one, each with at least one query.
  std::vector<Sequence> sequences{};
  // priority.h; what a front got, unchecked, as the engine checks it.
  std::uint64_t priority = 0;
  Clock::TimePoint deadline = Clock::TimePoint::max();
  // Set by the caller, at any time, when nobody waits for the answer any more.
  std::shared_ptr<const std::atomic<bool>> cancelled{};
  AttentionDone done{};
};

// What a request counts against the limits: the sum over its sequences of the
// larger of q_len and kv_len.
std::int64_t CountTokens(const std::vector<Sequence>& sequences);

}  // namespace attention

#endif  // CORE_ENGINE_REQUEST_H_
