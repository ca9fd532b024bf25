// Attention that somebody else computed: inputs and expected results.
#include "tests/support/conformance_case.h"

#include <algorithm>
#include <cmath>

#include "core/attention/reference.h"

namespace attention {
namespace {

std::int64_t RowWidth(const HostTensor& tensor) {
  std::int64_t width = 1;
  for (int axis = 2; axis < tensor.shape.rank(); ++axis) {
    width *= tensor.shape[axis];
  }
  return width;
}

// The rows of sequence `b` in [batch, rows, ...].
RowsView RowsOf(const HostTensor& tensor, std::int64_t b) {
  const std::int64_t width = RowWidth(tensor);
  const std::int64_t first = b * tensor.shape[1] * width;
  return {tensor.data.data() + first * DTypeSize(tensor.dtype), tensor.dtype,
          width};
}

// An axis of `mask` counted from the right, 1 where there is none.
std::int64_t MaskAxis(const HostTensor& mask, int from_right) {
  const int axis = mask.shape.rank() - from_right;
  return axis < 0 ? 1 : mask.shape[axis];
}

// NumPy's broadcasting: an axis of size 1 has the stride 0.
AttnMaskView MaskOf(const HostTensor& mask, std::int64_t b) {
  const std::int64_t kv_len = MaskAxis(mask, 1);
  const std::int64_t q_len = MaskAxis(mask, 2);
  const std::int64_t heads = MaskAxis(mask, 3);
  const std::int64_t first =
      MaskAxis(mask, 4) == 1 ? 0 : b * heads * q_len * kv_len;
  return {.data = mask.data.data() + first * DTypeSize(mask.dtype),
          .dtype = mask.dtype,
          .head_stride = heads == 1 ? 0 : q_len * kv_len,
          .q_stride = q_len == 1 ? 0 : kv_len,
          .k_stride = kv_len == 1 ? 0 : 1};
}

bool HasNan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](double value) { return std::isnan(value); });
}

// Zero where `is_valid` is 0, and what `reference` says in the place of NaN.
void FillOpenValues(const std::vector<double>& reference,
                    const std::vector<double>& is_valid,
                    std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (is_valid[i] == 0) expected[i] = 0;
    if (std::isnan(expected[i])) expected[i] = reference[i];
  }
}

}  // namespace

HostTensor CopyTensor(const TensorView& view) {
  std::size_t bytes = DTypeSize(view.dtype);
  for (const std::int64_t dim : view.shape.dims()) {
    bytes *= static_cast<std::size_t>(dim);
  }
  return {view.dtype, view.shape,
          std::vector<std::byte>(view.data, view.data + bytes)};
}

std::int64_t ConformanceCase::context_width() const {
  return weights.has_value() ? weights->embed_dim()
                             : spec.num_heads * spec.v_head_dim;
}

Shape ConformanceCase::ContextsShape() const {
  return {batch(), q_len(), context_width()};
}

Shape ConformanceCase::AttnWeightsShape() const {
  if (attn_weights_kind == AttnWeights::kHeadAverage) {
    return {batch(), q_len(), kv_len()};
  }
  return {batch(), spec.num_heads, q_len(), kv_len()};
}

std::vector<Sequence> MakeSequences(const ConformanceCase& a_case) {
  std::vector<Sequence> sequences;
  for (std::int64_t b = 0; b < a_case.batch(); ++b) {
    Sequence sequence{.q_len = a_case.q_length(b),
                      .kv_len = a_case.kv_length(b)};
    sequence.queries = RowsOf(a_case.queries, b);
    sequence.keys =
        RowsOf(a_case.keys.has_value() ? *a_case.keys : a_case.queries, b);
    sequence.values =
        RowsOf(a_case.values.has_value() ? *a_case.values : a_case.queries, b);
    if (a_case.attn_mask.has_value()) {
      sequence.attn_mask = MaskOf(*a_case.attn_mask, b);
    }
    sequence.is_causal = a_case.is_causal;
    sequence.scale = a_case.scale.value_or(
        1 / std::sqrt(static_cast<float>(a_case.spec.head_dim)));
    sequences.push_back(sequence);
  }
  return sequences;
}

PaddedAnswer PadAnswer(const ConformanceCase& a_case,
                       std::span<const double> contexts,
                       std::span<const double> attn_weights) {
  const std::int64_t width = a_case.context_width();
  const std::int64_t q_len = a_case.q_len();
  const std::int64_t kv_len = a_case.kv_len();
  const std::int64_t matrices =
      a_case.attn_weights_kind == AttnWeights::kHeadAverage
          ? 1
          : a_case.spec.num_heads;
  PaddedAnswer answer;
  const double* context = contexts.data();
  const double* weight = attn_weights.data();
  for (std::int64_t b = 0; b < a_case.batch(); ++b) {
    const std::int64_t rows = a_case.q_length(b);
    const std::int64_t keys = a_case.kv_length(b);
    answer.contexts.insert(answer.contexts.end(), context,
                           context + rows * width);
    answer.contexts.resize((b + 1) * q_len * width);
    context += rows * width;
    if (attn_weights.empty()) continue;
    for (std::int64_t m = b * matrices; m < (b + 1) * matrices; ++m) {
      for (std::int64_t q = 0; q < rows; ++q) {
        answer.attn_weights.insert(answer.attn_weights.end(), weight,
                                   weight + keys);
        answer.attn_weights.resize((m * q_len + q + 1) * kv_len);
        weight += keys;
      }
      answer.attn_weights.resize((m + 1) * q_len * kv_len);
    }
  }
  return answer;
}

PaddedAnswer ReferenceAnswer(const ConformanceCase& a_case) {
  std::vector<double> contexts;
  std::vector<double> attn_weights;
  for (const Sequence& sequence : MakeSequences(a_case)) {
    const ReferenceResult result = ReferenceAttention(
        a_case.spec, a_case.weights.has_value() ? &*a_case.weights : nullptr,
        sequence);
    contexts.insert(contexts.end(), result.contexts.begin(),
                    result.contexts.end());
    const std::vector<double> weights =
        a_case.attn_weights_kind == AttnWeights::kHeadAverage
            ? HeadAverage(a_case.spec, sequence, result.attn_weights)
            : result.attn_weights;
    attn_weights.insert(attn_weights.end(), weights.begin(), weights.end());
  }
  return PadAnswer(a_case, contexts, attn_weights);
}

void ApplyConventions(ConformanceCase& a_case) {
  PaddedAnswer reference;
  if (HasNan(a_case.contexts) || HasNan(a_case.attn_weights)) {
    reference = ReferenceAnswer(a_case);
  }
  // Where ones end up is no padding.
  const std::vector<double> ones(
      std::max(a_case.contexts.size(), a_case.attn_weights.size()), 1.0);
  const PaddedAnswer valid = PadAnswer(a_case, ones, ones);
  FillOpenValues(reference.contexts, valid.contexts, a_case.contexts);
  FillOpenValues(reference.attn_weights, valid.attn_weights,
                 a_case.attn_weights);
}

}  // namespace attention
