// What one request asks for, whichever protocol it came by.
#ifndef SERVER_REQUEST_REQUEST_INPUTS_H_
#define SERVER_REQUEST_REQUEST_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/attention/sequence.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// A tensor as a message holds it. Its type is one that the field allows; its
// shape is not checked yet.
struct InputTensor {
  TensorView view{};
  // Bytes that the message has for it, whatever the shape says.
  std::int64_t bytes = 0;
};

// Memory that a client offers for a tensor of the answer.
struct OutputPlace {
  // Shared by whoever may write or read there.
  std::shared_ptr<std::byte[]> data{};
  std::int64_t bytes = 0;
};

// Views on the message and options. Widths, lengths and limits are checked by
// ConvertRequest.
struct RequestInputs {
  std::string id{};
  std::optional<InputTensor> queries{};
  std::optional<InputTensor> keys{};
  std::optional<InputTensor> values{};
  std::optional<InputTensor> attn_mask{};
  std::vector<std::int64_t> q_lengths{};
  std::vector<std::int64_t> kv_lengths{};
  bool is_causal = false;
  // Absent: 1 / sqrt(head_dim).
  std::optional<double> scale{};
  bool residual = false;
  AttnWeights attn_weights = AttnWeights::kNone;
  // Absent: that of queries.
  std::optional<DType> output_dtype{};
  // Absent: the model's.
  std::optional<DType> compute_dtype{};
  // Absent: memory of the server, counted against its budget.
  std::optional<OutputPlace> contexts_place{};
  std::optional<OutputPlace> attn_weights_place{};
};

}  // namespace attention

#endif  // SERVER_REQUEST_REQUEST_INPUTS_H_
