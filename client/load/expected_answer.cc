// What the double-precision reference answers to a call.
#include "client/load/expected_answer.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "client/cli/attend_input.h"
#include "client/cli/tensor_convert.h"
#include "client/load/invalid_argument.h"
#include "core/attention/reference.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

// The reference computes all attn_weights of a sequence, wanted or not.
constexpr std::int64_t kMaxWeightsBytes = std::int64_t{1} << 30;

// Of a token, the last axis or, for `sdpa`, the last two.
std::int64_t RowWidth(const Tensor& tensor, const Model* model) {
  const auto& shape = tensor.shape;
  return model != nullptr ? shape.back()
                          : shape[shape.size() - 2] * shape.back();
}

absl::Status CheckWidths(const AttendCall& call, const Model& model) {
  const Tensor& keys = call.keys ? *call.keys : call.queries;
  const Tensor& values = call.values ? *call.values : call.queries;
  const struct {
    absl::string_view name;
    std::int64_t is;
    std::int64_t of_model;
  } widths[] = {
      {"queries", call.queries.shape.back(), model.embed_dim()},
      {"keys", keys.shape.back(), model.kdim()},
      {"values", values.shape.back(), model.vdim()},
  };
  for (const auto& [name, is, of_model] : widths) {
    if (is != of_model) {
      return Invalid(name, " of model ", model.name(), " are ", is,
                     " wide, the weights to judge by take ", of_model,
                     "; give the weights that the server serves");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMask(const AttendCall& call) {
  if (!call.attn_mask) {
    return absl::OkStatus();
  }
  std::int64_t q_len = 0;
  std::int64_t kv_len = 0;
  const std::vector<SequenceLengths> lengths = LengthsOf(call);
  for (const SequenceLengths& length : lengths) {
    q_len = std::max(q_len, length.q_len);
    kv_len = std::max(kv_len, length.kv_len);
  }
  const auto& shape = call.attn_mask->shape;
  const auto batch = static_cast<std::int64_t>(lengths.size());
  if (shape == std::vector<std::int64_t>{batch, 1, q_len, kv_len}) {
    return absl::OkStatus();
  }
  return Invalid("attn_mask is [", absl::StrJoin(shape, ", "),
                 "], only [batch, 1, q_len, kv_len] = [", batch, ", 1, ", q_len,
                 ", ", kv_len, "] is judged");
}

// Rows of a tensor that start at row `start`.
RowsView Rows(const Tensor& tensor, std::int64_t start, std::int64_t width) {
  return {.data = tensor.bytes.data() +
                  start * width *
                      static_cast<std::int64_t>(ElementSize(tensor.dtype)),
          .dtype = ToDType(tensor.dtype),
          .row_stride = width};
}

AttnMaskView MaskOf(const Tensor& mask, std::int64_t b) {
  const std::int64_t kv_len = mask.shape[3];
  const std::int64_t matrix = mask.shape[2] * kv_len;
  return {
      .data = mask.bytes.data() +
              b * matrix * static_cast<std::int64_t>(ElementSize(mask.dtype)),
      .dtype = ToDType(mask.dtype),
      .q_stride = kv_len,
      .k_stride = 1};
}

ExpectedSequence ComputeSequence(const AttendCall& call, const Model* model,
                                 const AttentionSpec& spec,
                                 const Sequence& sequence) {
  ReferenceResult reference = ReferenceAttention(
      spec, model == nullptr ? nullptr : &model->weights(), sequence);
  ExpectedSequence expected{.q_len = sequence.q_len,
                            .kv_len = sequence.kv_len,
                            .contexts = std::move(reference.contexts)};
  switch (call.attn_weights) {
    case ReturnWeights::kNone:
      break;
    case ReturnWeights::kHeadAverage:
      expected.attn_weights =
          HeadAverage(spec, sequence, reference.attn_weights);
      break;
    case ReturnWeights::kPerHead:
      expected.attn_weights = std::move(reference.attn_weights);
      break;
  }
  return expected;
}

}  // namespace

absl::StatusOr<AttentionSpec> SpecOf(const AttendCall& call,
                                     const Model* model) {
  AttentionSpec spec;
  if (model != nullptr) {
    ATTENTION_RETURN_IF_ERROR(CheckWidths(call, *model));
    spec = model->spec();
  } else {
    const auto& queries = call.queries.shape;
    const auto& keys = call.keys ? call.keys->shape : queries;
    const auto& values = call.values ? call.values->shape : queries;
    spec = {.num_heads = queries[queries.size() - 2],
            .num_kv_heads = keys[keys.size() - 2],
            .head_dim = queries.back(),
            .v_head_dim = values.back()};
    ATTENTION_RETURN_IF_ERROR(spec.Validate());
  }
  ATTENTION_RETURN_IF_ERROR(CheckMask(call));
  constexpr std::int64_t kMaxWeights = kMaxWeightsBytes / sizeof(double);
  for (const SequenceLengths& length : LengthsOf(call)) {
    if (length.kv_len > 0 &&
        length.q_len > kMaxWeights / spec.num_heads / length.kv_len) {
      return Invalid("a sequence of ", length.q_len, " queries and ",
                     length.kv_len, " keys is too long to be judged: its ",
                     spec.num_heads, " heads have more than ", kMaxWeights,
                     " attn_weights; lower the lengths");
    }
  }
  return spec;
}

ExpectedAnswer ComputeExpectedAnswer(const AttendCall& call, const Model* model,
                                     const AttentionSpec& spec) {
  const Tensor& keys = call.keys ? *call.keys : call.queries;
  const Tensor& values = call.values ? *call.values : call.queries;
  ExpectedAnswer answer{.width = model != nullptr
                                     ? model->embed_dim()
                                     : spec.num_heads * spec.v_head_dim,
                        .num_heads = spec.num_heads};
  const bool packed = IsPacked(call);
  std::int64_t q_start = 0;
  std::int64_t kv_start = 0;
  for (const SequenceLengths& length : LengthsOf(call)) {
    const auto b = static_cast<std::int64_t>(answer.sequences.size());
    const Sequence sequence{
        .q_len = length.q_len,
        .kv_len = length.kv_len,
        .queries = Rows(call.queries, q_start, RowWidth(call.queries, model)),
        .keys = Rows(keys, kv_start, RowWidth(keys, model)),
        .values = Rows(values, kv_start, RowWidth(values, model)),
        .attn_mask =
            call.attn_mask ? MaskOf(*call.attn_mask, b) : AttnMaskView{},
        .is_causal = call.is_causal,
        .scale = call.scale ? double{*call.scale} : spec.DefaultScale(),
        .residual = call.residual};
    ExpectedSequence& expected = answer.sequences.emplace_back(
        ComputeSequence(call, model, spec, sequence));
    answer.bytes += static_cast<std::int64_t>(
        (expected.contexts.size() + expected.attn_weights.size()) *
        sizeof(double));
    q_start += packed ? length.q_len : call.queries.shape[1];
    kv_start += packed ? length.kv_len : keys.shape[1];
  }
  return answer;
}

}  // namespace attention::load
