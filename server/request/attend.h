// One request for attention, from its bytes to its result.
#ifndef SERVER_REQUEST_ATTEND_H_
#define SERVER_REQUEST_ATTEND_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/request.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/request/convert_outputs.h"
#include "server/request/service_context.h"

namespace attention {

// How a request ended.
struct AttendResult {
  absl::Status status{};
  // As in the request, empty when the request could not be read.
  std::string id{};
  AttentionTiming timing{};
  // Set when the status is OK.
  std::optional<Outputs> outputs{};
};

// Called exactly once, on a worker thread or inside StartAttend.
using AttendDone = absl::AnyInvocable<void(AttendResult) &&>;

// The same for both rpcs: reads an AttendRequest from `bytes`, which it
// clears, validates it, gives it to the engine and counts how it ended.
// `cancelled` may become true at any time.
void StartAttend(const ServiceContext& context, grpc::ByteBuffer* bytes,
                 Clock::TimePoint deadline,
                 std::shared_ptr<const std::atomic<bool>> cancelled,
                 AttendDone done);

}  // namespace attention

#endif  // SERVER_REQUEST_ATTEND_H_
