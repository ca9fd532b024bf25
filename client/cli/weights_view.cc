// One sequence's attention weights out of an answer.
#include "client/cli/weights_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// Where the weights of one sequence lie, in elements.
struct Layout {
  std::int64_t offset = 0;
  std::int64_t head_stride = 0;
  std::int64_t row_stride = 0;
};

Layout LayoutOf(const AttendCall& call, const Tensor& attn_weights,
                std::int64_t index, std::int64_t heads) {
  if (!IsPacked(call)) {
    const std::vector<std::int64_t>& shape = attn_weights.shape;
    const std::int64_t kv_len = shape.back();
    const std::int64_t q_len = shape[shape.size() - 2];
    return {.offset = index * heads * q_len * kv_len,
            .head_stride = q_len * kv_len,
            .row_stride = kv_len};
  }
  const std::vector<SequenceLengths> lengths = LengthsOf(call);
  Layout layout{.head_stride = lengths[index].q_len * lengths[index].kv_len,
                .row_stride = lengths[index].kv_len};
  for (std::int64_t b = 0; b < index; ++b) {
    layout.offset += heads * lengths[b].q_len * lengths[b].kv_len;
  }
  return layout;
}

}  // namespace

std::int64_t NumHeads(const AttendCall& call, const Tensor& attn_weights) {
  if (call.attn_weights != ReturnWeights::kPerHead) {
    return 1;
  }
  if (!IsPacked(call)) {
    return attn_weights.shape.size() == 4 ? attn_weights.shape[1] : 1;
  }
  std::int64_t one_head = 0;
  for (const SequenceLengths& lengths : LengthsOf(call)) {
    one_head += lengths.q_len * lengths.kv_len;
  }
  const auto elements = static_cast<std::int64_t>(attn_weights.f32().size());
  return one_head == 0 ? 1 : elements / one_head;
}

absl::Status CheckHead(int head, std::int64_t heads) {
  if (head < heads) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--head is ", head, ", this model has heads 0 to ", heads - 1));
}

absl::StatusOr<std::vector<float>> WeightsOf(const AttendCall& call,
                                             const Tensor& attn_weights,
                                             std::int64_t index,
                                             std::optional<int> head) {
  const std::int64_t heads = NumHeads(call, attn_weights);
  if (head) {
    ATTENTION_RETURN_IF_ERROR(CheckHead(*head, heads));
  }
  const SequenceLengths lengths = LengthsOf(call)[index];
  const Layout layout = LayoutOf(call, attn_weights, index, heads);
  const std::int64_t first = head.value_or(0);
  const std::int64_t count = head ? 1 : heads;
  const float* data = attn_weights.f32().data() + layout.offset;
  std::vector<float> weights(lengths.q_len * lengths.kv_len);
  for (std::int64_t h = first; h < first + count; ++h) {
    for (std::int64_t q = 0; q < lengths.q_len; ++q) {
      const float* row = data + h * layout.head_stride + q * layout.row_stride;
      for (std::int64_t k = 0; k < lengths.kv_len; ++k) {
        weights[q * lengths.kv_len + k] += row[k] / static_cast<float>(count);
      }
    }
  }
  return weights;
}

}  // namespace attention
