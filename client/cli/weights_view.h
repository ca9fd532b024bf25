// One sequence's attention weights out of an answer.
#ifndef CLIENT_CLI_WEIGHTS_VIEW_H_
#define CLIENT_CLI_WEIGHTS_VIEW_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/attend_input.h"
#include "client/cpp/attention_client.h"

namespace attention {

// Heads in the weights of an answer; 1 for the head average.
std::int64_t NumHeads(const AttendCall& call, const Tensor& attn_weights);

// InvalidArgument, with the heads that there are, for a head beyond them.
absl::Status CheckHead(int head, std::int64_t heads);

// [q_len, kv_len] of sequence `index`: of one head, or the mean over all that
// the answer has. `attn_weights` is kF32, in the layout of the answer to
// `call`. Fails as CheckHead does.
absl::StatusOr<std::vector<float>> WeightsOf(const AttendCall& call,
                                             const Tensor& attn_weights,
                                             std::int64_t index,
                                             std::optional<int> head);

}  // namespace attention

#endif  // CLIENT_CLI_WEIGHTS_VIEW_H_
