// One request for attention, from what its message asks for to its result.
#ifndef SERVER_REQUEST_ATTEND_H_
#define SERVER_REQUEST_ATTEND_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/clock.h"
#include "core/engine/request.h"
#include "server/request/convert_outputs.h"
#include "server/request/request_inputs.h"
#include "server/request/service_context.h"

namespace attention {

// A request as its protocol has read it.
struct ServiceCall {
  std::string model{};
  RequestInputs inputs{};
  // What `inputs` point into, and what else has to live until the engine is
  // done.
  std::shared_ptr<const void> message{};
  // What that takes, counted against --max-inflight-bytes.
  std::int64_t message_bytes = 0;
  // As the client says it, see core/engine/priority.h.
  std::uint64_t priority = 0;
  Clock::TimePoint arrival{};
  Clock::TimePoint deadline = Clock::TimePoint::max();
  // May become true at any time.
  std::shared_ptr<const std::atomic<bool>> cancelled{};
};

// A request that its protocol has refused.
struct RefusedCall {
  // Empty when they could not be read.
  std::string model{};
  std::string id{};
  Clock::TimePoint arrival{};
  absl::Status status{};
};

// How a request ended.
struct ServiceResult {
  absl::Status status{};
  // As in the request, empty when the request could not be read.
  std::string id{};
  AttentionTiming timing{};
  // Set when the status is OK.
  std::optional<Outputs> outputs{};
};

// Called exactly once, on a worker thread or inside StartAttend.
using ServiceDone = absl::AnyInvocable<void(ServiceResult) &&>;

// Validates a request, gives it to the engine and counts how it ended.
void StartAttend(const ServiceContext& context, ServiceCall call,
                 ServiceDone done);

// The same for a request that its protocol has refused: counts it and calls
// `done` with its status.
void RefuseAttend(const ServiceContext& context, const RefusedCall& call,
                  ServiceDone done);

}  // namespace attention

#endif  // SERVER_REQUEST_ATTEND_H_
