// What the double-precision reference answers to a call.
#ifndef CLIENT_LOAD_EXPECTED_ANSWER_H_
#define CLIENT_LOAD_EXPECTED_ANSWER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"
#include "core/attention/attention_spec.h"
#include "core/model/model.h"

namespace attention::load {

// Of one sequence, without padding.
struct ExpectedSequence {
  std::int64_t q_len = 0;
  std::int64_t kv_len = 0;
  std::vector<double> contexts{};  // [q_len, width]
  // [num_heads, q_len, kv_len], [q_len, kv_len] for the average, or empty, as
  // the call asks.
  std::vector<double> attn_weights{};
};

struct ExpectedAnswer {
  std::int64_t width = 0;  // of a row of contexts
  std::int64_t num_heads = 0;
  std::vector<ExpectedSequence> sequences{};
  std::int64_t bytes = 0;  // of all the numbers
};

// The spec that judges a call: the model's, for `sdpa` (null) that of the
// tensors. InvalidArgument when the tensors of the call do not fit the model,
// its attn_mask is not [batch, 1, q_len, kv_len], or a sequence is too long to
// keep its attn_weights.
absl::StatusOr<AttentionSpec> SpecOf(const AttendCall& call,
                                     const Model* model);

// REQUIRES: SpecOf is OK and PrepareRequests made the call. Takes seconds for
// thousands of tokens.
ExpectedAnswer ComputeExpectedAnswer(const AttendCall& call, const Model* model,
                                     const AttentionSpec& spec);

}  // namespace attention::load

#endif  // CLIENT_LOAD_EXPECTED_ANSWER_H_
