// The requests of a workload, made and serialized before the run.
#ifndef CLIENT_LOAD_REQUEST_POOL_H_
#define CLIENT_LOAD_REQUEST_POOL_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"
#include "client/cpp/piece_writer.h"
#include "client/load/protocol.h"
#include "client/load/workload.h"

namespace attention::load {

// One request, ready to be sent any number of times.
struct PreparedRequest {
  // What is sent, and what answers are checked against.
  AttendCall call{};
  // `call` as one message of the protocol: its pieces, one after another.
  std::vector<MessagePiece> message{};
  std::int64_t message_bytes = 0;
  std::int64_t tokens = 0;  // of queries
  std::optional<std::chrono::milliseconds> deadline{};
};

// What all requests may hold together: they are kept for the whole run.
inline constexpr std::int64_t kMaxPoolBytes = std::int64_t{4} << 30;

// Draws `workload.distinct` requests with its seed: the same workload and
// models give the same bytes. Each mix gives its share, at least one. `models`
// says the widths of the models that the workload names (from
// Client::ListModels). InvalidArgument when a model is missing or does not fit,
// naming those there are, when `distinct` is less than the number of mixes, and
// when the requests take more than `max_bytes`. An attn_mask is [batch, 1,
// q_len, kv_len]; tensors are owned, so that sending them copies nothing.
absl::StatusOr<std::vector<PreparedRequest>> PrepareRequests(
    const Workload& workload, const std::vector<ModelInfo>& models,
    std::int64_t max_bytes = kMaxPoolBytes,
    const Protocol& protocol = TypedProtocol());

}  // namespace attention::load

#endif  // CLIENT_LOAD_REQUEST_POOL_H_
