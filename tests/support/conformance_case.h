// Attention that somebody else computed: inputs and expected results.
#ifndef TESTS_SUPPORT_CONFORMANCE_CASE_H_
#define TESTS_SUPPORT_CONFORMANCE_CASE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/attention/attention_spec.h"
#include "core/attention/projection_weights.h"
#include "core/attention/sequence.h"
#include "core/tensor/shape.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// A dense tensor that owns its bytes.
struct HostTensor {
  DType dtype = DType::kF32;
  Shape shape{};
  std::vector<std::byte> data{};

  std::int64_t element_count() const {
    return static_cast<std::int64_t>(data.size() / DTypeSize(dtype));
  }
};

HostTensor CopyTensor(const TensorView& view);

// One call of Attend and its answer, with our polarity of masks: true takes
// part. Rows hold a width, or [heads, head_dim] for `sdpa`.
struct ConformanceCase {
  std::string name{};  // as a table prints it, "self_padding_mask lengths"
  // What a server must load for it, and the name of the model then; both empty
  // for `sdpa`.
  std::string model_path{};
  std::string model_name{};

  AttentionSpec spec{};
  std::optional<ProjectionWeights> weights{};

  HostTensor queries{};                   // [batch, q_len, ...]
  std::optional<HostTensor> keys{};       // [batch, kv_len, ...]; none: queries
  std::optional<HostTensor> values{};     // [batch, kv_len, ...]; none: queries
  std::vector<std::int64_t> q_lengths{};  // empty: q_len each
  std::vector<std::int64_t> kv_lengths{};  // empty: kv_len each, or q_lengths
  // Broadcastable to [batch, num_heads, q_len, kv_len].
  std::optional<HostTensor> attn_mask{};
  bool is_causal = false;
  std::optional<float> scale{};

  std::vector<double> contexts{};  // [batch, q_len, ...]; empty: not stored
  // [batch, num_heads, q_len, kv_len], or [batch, q_len, kv_len] for the
  // average of the heads; empty: not stored.
  std::vector<double> attn_weights{};
  AttnWeights attn_weights_kind = AttnWeights::kNone;
  // Relative to the largest magnitude of a tensor: how far the expected values
  // may be from the truth, and the kernel from the expected values.
  double stored_error = 0;
  double tolerance = 0;
  // How far others are from it, for the table.
  std::string peer_error{};

  std::int64_t batch() const { return queries.shape[0]; }
  std::int64_t q_len() const { return queries.shape[1]; }
  std::int64_t kv_len() const {
    return keys.has_value() ? keys->shape[1] : queries.shape[1];
  }
  std::int64_t q_length(std::int64_t b) const {
    return q_lengths.empty() ? q_len() : q_lengths[b];
  }
  std::int64_t kv_length(std::int64_t b) const {
    if (!keys.has_value()) return q_length(b);
    return kv_lengths.empty() ? kv_len() : kv_lengths[b];
  }
  // Elements of one row of `contexts`.
  std::int64_t context_width() const;
  // [batch, q_len, context_width].
  Shape ContextsShape() const;
  // That of `attn_weights`.
  Shape AttnWeightsShape() const;
};

// The inputs of each sequence, for the reference; outputs are not set. The
// views live as long as the case.
std::vector<Sequence> MakeSequences(const ConformanceCase& a_case);

// What a call gives, as [batch, q_len, ...] and [batch, num_heads, q_len,
// kv_len] or [batch, q_len, kv_len]; padding is zero.
struct PaddedAnswer {
  std::vector<double> contexts{};
  std::vector<double> attn_weights{};
};

// The sequences' contexts and weights, one after another without padding, as
// the case's padded shapes.
PaddedAnswer PadAnswer(const ConformanceCase& a_case,
                       std::span<const double> contexts,
                       std::span<const double> attn_weights);

// What the reference says to the case. Weights are per head unless the case has
// their average.
PaddedAnswer ReferenceAnswer(const ConformanceCase& a_case);

// Makes the expected values ours where others leave them open: padding is zero,
// and NaN, which PyTorch gives for a row that attends to nothing, is what the
// reference says.
void ApplyConventions(ConformanceCase& a_case);

}  // namespace attention

#endif  // TESTS_SUPPORT_CONFORMANCE_CASE_H_
