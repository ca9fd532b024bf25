#include "server/request/rpc_request.h"

#include <chrono>
#include <utility>

namespace attention {

RpcTerms TermsOf(const grpc::CallbackServerContext& rpc,
                 std::shared_ptr<const std::atomic<bool>> cancelled) {
  RpcTerms terms = {.arrival = SystemClock().Now(),
                    .cancelled = std::move(cancelled),
                    .peer = rpc.peer()};
  const auto deadline = rpc.deadline();
  const auto now = std::chrono::system_clock::now();
  const auto far = now + std::chrono::hours(24 * 365);
  if (deadline <= far) terms.deadline = terms.arrival + (deadline - now);
  return terms;
}

}  // namespace attention
