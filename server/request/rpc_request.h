// One request of an rpc: its bytes, its terms, its answer.
#ifndef SERVER_REQUEST_RPC_REQUEST_H_
#define SERVER_REQUEST_RPC_REQUEST_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/base/clock.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

namespace attention {

// Until when, and whether, somebody waits for the answer.
struct RpcTerms {
  Clock::TimePoint arrival{};
  Clock::TimePoint deadline = Clock::TimePoint::max();
  // May become true at any time.
  std::shared_ptr<const std::atomic<bool>> cancelled{};
  // The client's address as gRPC writes it, "ipv4:127.0.0.1:40000".
  std::string peer{};
};

// gRPC tells deadlines by the wall clock, the engine by the steady one.
RpcTerms TermsOf(const grpc::CallbackServerContext& rpc,
                 std::shared_ptr<const std::atomic<bool>> cancelled);

// A status ends a unary call; a stream ignores it, its messages say
// everything.
struct RpcAnswer {
  absl::Status status{};
  grpc::ByteBuffer message{};
};

using RpcDone = absl::AnyInvocable<void(RpcAnswer) &&>;

// Starts one request, whose bytes it may take; calls `done` exactly once, at
// once or on a worker thread.
using StartRequest = std::function<void(grpc::ByteBuffer* bytes,
                                        const RpcTerms& terms, RpcDone done)>;

}  // namespace attention

#endif  // SERVER_REQUEST_RPC_REQUEST_H_
