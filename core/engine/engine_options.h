// How the engine runs.
#ifndef CORE_ENGINE_ENGINE_OPTIONS_H_
#define CORE_ENGINE_ENGINE_OPTIONS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace attention {

// Plain values; none of them changes a result.
struct EngineOptions {
  // Threads that compute. 0: one for every core that the cgroup quota allows.
  // Range [0, 1024].
  int num_workers = 0;

  // Binds worker i to the i-th CPU that the process may use. Good on a machine
  // of its own, bad beside other pinned processes.
  bool pin_workers = false;

  // Tokens (query or key rows, whichever are more) that one batch holds, and so
  // the largest request. Range [1, 1'048'576].
  std::int64_t max_batch_tokens = 65536;

  // Requests in one batch. Range [1, 65536].
  std::int64_t max_batch_requests = 1024;

  // Requests that wait; one more is refused. Range [1, 1'000'000].
  std::int64_t max_queue_requests = 4096;

  // Tokens that wait; a request that does not fit is refused.
  // Range [max_batch_tokens, 2^31 - 1].
  std::int64_t max_queue_tokens = 1 << 20;

  // Working memory of the batches that run at once, projected heads above all;
  // a request that needs more is refused. Range [1 MiB, 1 TiB].
  std::int64_t max_batch_bytes = std::int64_t{4} << 30;

  // InvalidArgument naming each value out of its range.
  absl::Status Validate() const;
};

}  // namespace attention

#endif  // CORE_ENGINE_ENGINE_OPTIONS_H_
