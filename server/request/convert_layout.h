// Padded and packed layouts -> where each sequence starts and how long it is.
#ifndef SERVER_REQUEST_CONVERT_LAYOUT_H_
#define SERVER_REQUEST_CONVERT_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/tensor_view.h"
#include "server/request/model_widths.h"
#include "server/request/request_inputs.h"

namespace attention {

// The rows of queries, or of keys and values, sequence by sequence.
struct RowsLayout {
  // Rows of each sequence, [batch].
  std::vector<std::int64_t> lengths{};
  // Row at which each sequence starts, [batch].
  std::vector<std::int64_t> starts{};
  // Padded: the axis. Packed: the longest length.
  std::int64_t max_length = 0;

  std::int64_t batch() const {
    return static_cast<std::int64_t>(lengths.size());
  }
};

// The inputs of a request, checked against the model and each other.
struct InputLayout {
  bool packed = false;
  AttentionSpec spec{};
  TensorView queries{};
  TensorView keys{};    // queries for self-attention
  TensorView values{};  // queries for self-attention
  // Elements of one row.
  std::int64_t q_width = 0;
  std::int64_t k_width = 0;
  std::int64_t v_width = 0;
  std::int64_t contexts_width = 0;
  RowsLayout q_rows{};
  RowsLayout kv_rows{};
  // As CountTokens of core/engine/request.h.
  std::int64_t tokens = 0;
};

// InvalidArgument naming the field unless queries, keys, values, lengths and
// compute_dtype fit each other, the model, `max_sequences` and `max_tokens`;
// FailedPrecondition for a compute_dtype that this CPU lacks.
absl::StatusOr<InputLayout> ConvertLayout(const RequestInputs& inputs,
                                          const ModelWidths& model,
                                          std::int64_t max_sequences,
                                          std::int64_t max_tokens);

}  // namespace attention

#endif  // SERVER_REQUEST_CONVERT_LAYOUT_H_
