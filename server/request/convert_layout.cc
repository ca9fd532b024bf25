#include "server/request/convert_layout.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/attention/attention_spec.h"
#include "core/base/status_macros.h"
#include "server/request/check_tensor.h"

namespace attention {
namespace {

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// Axes after those of the layout: [embed_dim], or [num_heads, head_dim].
int RowRank(const ModelWidths& model) { return model.is_sdpa ? 2 : 1; }

absl::StatusOr<TensorView> ConvertInput(absl::string_view field,
                                        const InputTensor& tensor, int min_rank,
                                        int max_rank) {
  ATTENTION_ASSIGN_OR_RETURN(TensorView view,
                             CheckTensor(field, tensor, min_rank, max_rank));
  for (const std::int64_t dim : view.shape.dims()) {
    if (dim == 0) {
      return Invalid(field, ": shape ", view.shape.ToString(),
                     " holds no tokens, every dimension must be at least 1");
    }
  }
  return view;
}

absl::Status CheckWidth(absl::string_view field, absl::string_view width_name,
                        const TensorView& view, const ModelWidths& model,
                        std::int64_t allowed) {
  const std::int64_t width = view.shape[view.shape.rank() - 1];
  if (width == allowed) return absl::OkStatus();
  return Invalid(field, ": ", width_name, " is ", width, ", model ", model.name,
                 " takes ", allowed);
}

// Keys and values, with queries standing in for both in self-attention.
absl::Status ConvertInputs(const RequestInputs& inputs,
                           const ModelWidths& model, InputLayout& layout) {
  const int row_rank = RowRank(model);
  if (!inputs.queries.has_value())
    return Invalid(
        "queries: absent, they are "
        "required");
  ATTENTION_ASSIGN_OR_RETURN(
      layout.queries,
      ConvertInput("queries", *inputs.queries, row_rank + 1, row_rank + 2));
  layout.packed = layout.queries.shape.rank() == row_rank + 1;
  if (inputs.keys.has_value() != inputs.values.has_value()) {
    return Invalid(inputs.keys.has_value() ? "keys are given without values"
                                           : "values are given without keys",
                   ", send both, or neither for self-attention");
  }
  layout.keys = layout.queries;
  layout.values = layout.queries;
  if (!inputs.keys.has_value()) return absl::OkStatus();
  const int rank = layout.queries.shape.rank();
  ATTENTION_ASSIGN_OR_RETURN(layout.keys,
                             ConvertInput("keys", *inputs.keys, rank, rank));
  ATTENTION_ASSIGN_OR_RETURN(
      layout.values, ConvertInput("values", *inputs.values, rank, rank));
  for (int axis = 0; axis < rank - row_rank; ++axis) {
    if (layout.keys.shape[axis] != layout.values.shape[axis]) {
      return Invalid("values: shape ", layout.values.shape.ToString(),
                     " does not fit keys ", layout.keys.shape.ToString(),
                     ", they must have the same tokens");
    }
  }
  if (!layout.packed && layout.keys.shape[0] != layout.queries.shape[0]) {
    return Invalid("keys: batch is ", layout.keys.shape[0], ", queries have ",
                   layout.queries.shape[0]);
  }
  return absl::OkStatus();
}

// A model computes in what it was loaded for: rounding its parameters anew for
// one request would cost more than it saves.
absl::StatusOr<DType> ConvertComputeDType(const RequestInputs& inputs,
                                          const ModelWidths& model) {
  const DType of_model = model.spec.compute_dtype;
  const DType wanted = inputs.compute_dtype.value_or(of_model);
  if (model.is_sdpa || wanted == of_model) return wanted;
  const std::string name = ComputeDTypeName(wanted);
  return Invalid("compute_dtype: request wants ", name, ", model ", model.name,
                 " computes in ", ComputeDTypeName(of_model),
                 "; leave it out, or name a model that is loaded with "
                 "compute_dtype=",
                 name);
}

// The spec and widths that `sdpa` takes from the tensors themselves.
absl::Status SetSdpaWidths(InputLayout& layout) {
  const int heads_axis = layout.queries.shape.rank() - 2;
  const int width_axis = heads_axis + 1;
  AttentionSpec& spec = layout.spec;
  spec.num_heads = layout.queries.shape[heads_axis];
  spec.num_kv_heads = layout.keys.shape[heads_axis];
  spec.head_dim = layout.queries.shape[width_axis];
  spec.v_head_dim = layout.values.shape[width_axis];
  if (layout.values.shape[heads_axis] != spec.num_kv_heads) {
    return Invalid("values: num_kv_heads is ", layout.values.shape[heads_axis],
                   ", keys have ", spec.num_kv_heads);
  }
  if (spec.num_heads % spec.num_kv_heads != 0) {
    return Invalid("keys: num_kv_heads is ", spec.num_kv_heads,
                   ", it must divide num_heads ", spec.num_heads);
  }
  if (spec.num_heads > kMaxHeads) {
    return Invalid("queries: num_heads is ", spec.num_heads,
                   ", allowed is [1, ", kMaxHeads, "]");
  }
  if (layout.keys.shape[width_axis] != spec.head_dim) {
    return Invalid("keys: head_dim is ", layout.keys.shape[width_axis],
                   ", queries have ", spec.head_dim);
  }
  if (spec.head_dim > kMaxHeadDim) {
    return Invalid("queries: head_dim is ", spec.head_dim, ", allowed is [1, ",
                   kMaxHeadDim, "]");
  }
  if (spec.v_head_dim > kMaxHeadDim) {
    return Invalid("values: v_head_dim is ", spec.v_head_dim,
                   ", allowed is [1, ", kMaxHeadDim, "]");
  }
  layout.q_width = spec.num_heads * spec.head_dim;
  layout.k_width = spec.num_kv_heads * spec.head_dim;
  layout.v_width = spec.num_kv_heads * spec.v_head_dim;
  layout.contexts_width = spec.num_heads * spec.v_head_dim;
  // What is left of it: whether these heads, on this CPU, have compute_dtype.
  const absl::Status status = spec.Validate();
  if (status.ok()) return absl::OkStatus();
  return absl::Status(status.code(),
                      absl::StrCat("request: ", status.message()));
}

absl::Status SetModelWidths(const RequestInputs& inputs,
                            const ModelWidths& model, InputLayout& layout) {
  ATTENTION_RETURN_IF_ERROR(CheckWidth("queries", "embed_dim", layout.queries,
                                       model, model.embed_dim));
  if (!inputs.keys.has_value() &&
      (model.kdim != model.embed_dim || model.vdim != model.embed_dim)) {
    return Invalid("keys and values are absent, model ", model.name,
                   " takes kdim ", model.kdim, " and vdim ", model.vdim,
                   ", which queries of embed_dim ", model.embed_dim,
                   " cannot stand in for; send them");
  }
  ATTENTION_RETURN_IF_ERROR(
      CheckWidth("keys", "kdim", layout.keys, model, model.kdim));
  ATTENTION_RETURN_IF_ERROR(
      CheckWidth("values", "vdim", layout.values, model, model.vdim));
  layout.spec = model.spec;
  layout.q_width = model.embed_dim;
  layout.k_width = model.kdim;
  layout.v_width = model.vdim;
  layout.contexts_width = model.embed_dim;
  return absl::OkStatus();
}

using Lengths = std::vector<std::int64_t>;

absl::Status CheckLengths(absl::string_view field, const Lengths& lengths,
                          std::int64_t min_length, std::int64_t max_length) {
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < min_length || lengths[i] > max_length) {
      return Invalid(field, "[", i, "] is ", lengths[i], ", allowed is [",
                     min_length, ", ", max_length, "]");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<RowsLayout> PackedRows(absl::string_view field,
                                      const Lengths& lengths,
                                      std::int64_t tokens) {
  if (lengths.empty()) {
    return Invalid(field,
                   ": absent, packed tensors need the length of every "
                   "sequence");
  }
  ATTENTION_RETURN_IF_ERROR(CheckLengths(field, lengths, 1, tokens));
  RowsLayout rows;
  rows.lengths.assign(lengths.begin(), lengths.end());
  rows.starts.reserve(rows.lengths.size());
  // At most 65536 lengths of at most `tokens` each: no overflow.
  std::int64_t sum = 0;
  for (const std::int64_t length : rows.lengths) {
    rows.starts.push_back(sum);
    rows.max_length = std::max(rows.max_length, length);
    sum += length;
  }
  if (sum != tokens) {
    return Invalid(field, ": lengths add up to ", sum, ", the tensor holds ",
                   tokens, " tokens");
  }
  return rows;
}

absl::StatusOr<RowsLayout> PaddedRows(absl::string_view field,
                                      const Lengths& lengths,
                                      const Shape& shape,
                                      std::int64_t min_length) {
  const std::int64_t batch = shape[0];
  RowsLayout rows;
  rows.max_length = shape[1];
  if (lengths.empty()) {
    rows.lengths.assign(static_cast<std::size_t>(batch), rows.max_length);
  } else if (static_cast<std::int64_t>(lengths.size()) != batch) {
    return Invalid(field, ": ", lengths.size(), " lengths, the batch has ",
                   batch, " sequences");
  } else {
    ATTENTION_RETURN_IF_ERROR(
        CheckLengths(field, lengths, min_length, rows.max_length));
    rows.lengths.assign(lengths.begin(), lengths.end());
  }
  rows.starts.reserve(rows.lengths.size());
  for (std::int64_t b = 0; b < batch; ++b) {
    rows.starts.push_back(b * rows.max_length);
  }
  return rows;
}

absl::Status SetRows(const RequestInputs& inputs, InputLayout& layout) {
  const Shape& q_shape = layout.queries.shape;
  const Shape& k_shape = layout.keys.shape;
  if (!inputs.keys.has_value() && !inputs.kv_lengths.empty()) {
    return Invalid(
        "kv_lengths: given without keys and values; self-attention "
        "takes q_lengths, leave it empty");
  }
  if (layout.packed) {
    ATTENTION_ASSIGN_OR_RETURN(
        layout.q_rows, PackedRows("q_lengths", inputs.q_lengths, q_shape[0]));
  } else {
    ATTENTION_ASSIGN_OR_RETURN(
        layout.q_rows, PaddedRows("q_lengths", inputs.q_lengths, q_shape, 1));
  }
  if (!inputs.keys.has_value()) {
    layout.kv_rows = layout.q_rows;
    return absl::OkStatus();
  }
  if (layout.packed) {
    ATTENTION_ASSIGN_OR_RETURN(
        layout.kv_rows,
        PackedRows("kv_lengths", inputs.kv_lengths, k_shape[0]));
  } else {
    ATTENTION_ASSIGN_OR_RETURN(
        layout.kv_rows,
        PaddedRows("kv_lengths", inputs.kv_lengths, k_shape, 0));
  }
  if (layout.kv_rows.batch() != layout.q_rows.batch()) {
    return Invalid("kv_lengths: ", layout.kv_rows.batch(),
                   " lengths, q_lengths has ", layout.q_rows.batch());
  }
  return absl::OkStatus();
}

absl::Status CheckSequences(const RequestInputs& inputs,
                            const InputLayout& layout,
                            std::int64_t max_sequences) {
  const auto q_lengths = static_cast<std::int64_t>(inputs.q_lengths.size());
  const auto kv_lengths = static_cast<std::int64_t>(inputs.kv_lengths.size());
  const std::int64_t sequences =
      layout.packed ? q_lengths : layout.queries.shape[0];
  const std::int64_t given = std::max({sequences, q_lengths, kv_lengths});
  if (given <= max_sequences) return absl::OkStatus();
  return Invalid("queries: ", given, " sequences, allowed are ", max_sequences,
                 " (--max-sequences); send several requests");
}

absl::Status CountTokens(std::int64_t max_tokens, InputLayout& layout) {
  for (std::int64_t b = 0; b < layout.q_rows.batch(); ++b) {
    const auto i = static_cast<std::size_t>(b);
    layout.tokens +=
        std::max(layout.q_rows.lengths[i], layout.kv_rows.lengths[i]);
  }
  if (layout.tokens <= max_tokens) return absl::OkStatus();
  return Invalid("request: ", layout.tokens, " tokens, a batch may hold ",
                 max_tokens, " (--max-batch-tokens); send fewer sequences");
}

}  // namespace

absl::StatusOr<InputLayout> ConvertLayout(const RequestInputs& inputs,
                                          const ModelWidths& model,
                                          std::int64_t max_sequences,
                                          std::int64_t max_tokens) {
  InputLayout layout;
  ATTENTION_RETURN_IF_ERROR(ConvertInputs(inputs, model, layout));
  ATTENTION_ASSIGN_OR_RETURN(layout.spec.compute_dtype,
                             ConvertComputeDType(inputs, model));
  ATTENTION_RETURN_IF_ERROR(model.is_sdpa
                                ? SetSdpaWidths(layout)
                                : SetModelWidths(inputs, model, layout));
  ATTENTION_RETURN_IF_ERROR(CheckSequences(inputs, layout, max_sequences));
  ATTENTION_RETURN_IF_ERROR(SetRows(inputs, layout));
  ATTENTION_RETURN_IF_ERROR(CountTokens(max_tokens, layout));
  return layout;
}

}  // namespace attention
