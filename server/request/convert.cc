#include "server/request/convert.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/base/options.h"
#include "server/request/convert_layout.h"
#include "server/request/convert_mask.h"

namespace attention {
namespace {

absl::Status CheckId(const RequestInputs& inputs) {
  if (static_cast<std::int64_t>(inputs.id.size()) <= kMaxIdBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "id: ", inputs.id.size(), " bytes, allowed are ", kMaxIdBytes));
}

absl::StatusOr<double> ConvertScale(const RequestInputs& inputs,
                                    const AttentionSpec& spec) {
  if (!inputs.scale.has_value()) return spec.DefaultScale();
  if (std::isfinite(*inputs.scale)) return *inputs.scale;
  return absl::InvalidArgumentError(
      absl::StrCat("scale is ", *inputs.scale,
                   ", it must be finite; leave it out for "
                   "1 / sqrt(head_dim)"));
}

absl::Status CheckResidual(const RequestInputs& inputs,
                           const InputLayout& layout) {
  if (!inputs.residual || layout.contexts_width == layout.q_width) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("residual: contexts have v_head_dim ",
                   layout.spec.v_head_dim, ", queries have head_dim ",
                   layout.spec.head_dim, "; they must be equal to be added"));
}

RowsView RowsOf(const TensorView& tensor, const RowsLayout& rows,
                std::int64_t width, std::int64_t b) {
  const auto size = static_cast<std::int64_t>(DTypeSize(tensor.dtype));
  const std::int64_t row = rows.starts[static_cast<std::size_t>(b)];
  const std::int64_t first_byte = row * width * size;
  RowsView view = {.dtype = tensor.dtype, .row_stride = width};
  if (tensor.fragments != nullptr) {
    view.fragments = tensor.fragments;
    view.first_byte = first_byte;
  } else {
    view.data = tensor.data + first_byte;
  }
  return view;
}

}  // namespace

absl::StatusOr<ConvertedRequest> ConvertRequest(const RequestInputs& inputs,
                                                const ModelWidths& model,
                                                const ConvertLimits& limits,
                                                MemoryBudget& budget) {
  ATTENTION_RETURN_IF_ERROR(CheckId(inputs));
  ATTENTION_ASSIGN_OR_RETURN(
      InputLayout layout,
      ConvertLayout(inputs, model, limits.max_sequences, limits.max_tokens));
  ATTENTION_ASSIGN_OR_RETURN(const double scale,
                             ConvertScale(inputs, layout.spec));
  ATTENTION_RETURN_IF_ERROR(CheckResidual(inputs, layout));
  BatchMask mask;
  if (inputs.attn_mask.has_value()) {
    ATTENTION_ASSIGN_OR_RETURN(mask,
                               ConvertMask(*inputs.attn_mask, layout, budget));
  }
  ATTENTION_ASSIGN_OR_RETURN(
      Outputs outputs,
      Outputs::Create(inputs, layout, limits.max_response_bytes, budget));

  std::vector<Sequence> sequences;
  sequences.reserve(layout.q_rows.lengths.size());
  for (std::int64_t b = 0; b < layout.q_rows.batch(); ++b) {
    const auto i = static_cast<std::size_t>(b);
    sequences.push_back(
        {.q_len = layout.q_rows.lengths[i],
         .kv_len = layout.kv_rows.lengths[i],
         .queries = RowsOf(layout.queries, layout.q_rows, layout.q_width, b),
         .keys = RowsOf(layout.keys, layout.kv_rows, layout.k_width, b),
         .values = RowsOf(layout.values, layout.kv_rows, layout.v_width, b),
         .attn_mask = mask.ForSequence(b),
         .is_causal = inputs.is_causal,
         .scale = scale,
         .residual = inputs.residual,
         .contexts = outputs.Contexts(layout, b),
         .attn_weights = outputs.AttentionWeights(layout, b)});
  }
  return ConvertedRequest{.layout = std::move(layout),
                          .sequences = std::move(sequences),
                          .mask_memory = std::move(mask.memory),
                          .outputs = std::move(outputs)};
}

}  // namespace attention
