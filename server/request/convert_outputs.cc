#include "server/request/convert_outputs.h"

#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

Shape ContextsShape(const InputLayout& layout, bool is_sdpa) {
  std::vector<std::int64_t> dims = layout.queries.shape.dims();
  dims.back() = is_sdpa ? layout.spec.v_head_dim : layout.contexts_width;
  return Shape(std::move(dims));
}

// Heads that the weights keep apart.
std::int64_t WeightHeads(AttnWeights kind, const InputLayout& layout) {
  return kind == AttnWeights::kPerHead ? layout.spec.num_heads : 1;
}

absl::StatusOr<Shape> WeightsShape(AttnWeights kind, const InputLayout& layout,
                                   std::vector<std::int64_t>& starts) {
  const std::int64_t heads = WeightHeads(kind, layout);
  const RowsLayout& q = layout.q_rows;
  const RowsLayout& kv = layout.kv_rows;
  // Where the checked product overflows, so does its status.
  ATTENTION_ASSIGN_OR_RETURN(
      const std::int64_t all,
      Shape({q.batch(), heads, q.max_length, kv.max_length}).ElementCount());
  std::int64_t start = 0;
  for (std::size_t b = 0; b < q.lengths.size(); ++b) {
    starts.push_back(start);
    start +=
        layout.packed ? heads * q.lengths[b] * kv.lengths[b] : all / q.batch();
  }
  if (layout.packed) return Shape{start};
  if (kind == AttnWeights::kHeadAverage) {
    return Shape{q.batch(), q.max_length, kv.max_length};
  }
  return Shape{q.batch(), heads, q.max_length, kv.max_length};
}

absl::Status SetBytes(absl::string_view field, std::int64_t max_bytes,
                      OutputTensor& tensor) {
  const auto count = tensor.shape.ElementCount();
  const auto size = static_cast<std::int64_t>(DTypeSize(tensor.dtype));
  if (!count.ok() || *count > max_bytes / size) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " would be ", tensor.shape.ToString(), " of ",
        DTypeName(tensor.dtype), ", a response may hold ", max_bytes,
        " bytes of it (--max-response-bytes); send fewer sequences"));
  }
  tensor.bytes = *count * size;
  return absl::OkStatus();
}

void Zero(OutputTensor& tensor, std::int64_t first, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(DTypeSize(tensor.dtype));
  std::memset(tensor.data.get() + first * size, 0,
              static_cast<std::size_t>(count * size));
}

// Memory for `tensor`, the client's or our own; what is ours is added to
// `own_bytes`, and allocated later.
absl::Status Place(absl::string_view field,
                   const std::optional<OutputPlace>& place,
                   std::int64_t& max_bytes, std::int64_t& own_bytes,
                   OutputTensor& tensor) {
  if (!place.has_value()) {
    ATTENTION_RETURN_IF_ERROR(SetBytes(field, max_bytes, tensor));
    max_bytes -= tensor.bytes;
    own_bytes += tensor.bytes;
    return absl::OkStatus();
  }
  ATTENTION_RETURN_IF_ERROR(
      SetBytes(field, std::numeric_limits<std::int64_t>::max(), tensor));
  if (tensor.bytes > place->bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", tensor.shape.ToString(), " of ",
                     DTypeName(tensor.dtype), " takes ", tensor.bytes,
                     " bytes, the shared memory for it has ", place->bytes));
  }
  tensor.data = place->data;
  return absl::OkStatus();
}

void Allocate(MemoryBudget& budget, OutputTensor& tensor) {
  if (tensor.data != nullptr) return;
  // Not zeroed: that would be a pass over megabytes which are written anyway.
  tensor.data = budget.blocks().Take(static_cast<std::size_t>(tensor.bytes));
}

}  // namespace

absl::StatusOr<Outputs> Outputs::Create(const RequestInputs& inputs,
                                        const InputLayout& layout,
                                        std::int64_t max_bytes,
                                        MemoryBudget& budget) {
  Outputs outputs;
  const DType dtype = inputs.output_dtype.value_or(layout.queries.dtype);
  outputs.weights_kind_ = inputs.attn_weights;
  OutputTensor& contexts = outputs.contexts_;
  contexts.dtype = dtype;
  const int row_rank = layout.queries.shape.rank() - (layout.packed ? 1 : 2);
  contexts.shape = ContextsShape(layout, row_rank == 2);
  std::int64_t bytes_left = max_bytes - kMaxResponseHeaderBytes;
  std::int64_t own_bytes = 0;
  ATTENTION_RETURN_IF_ERROR(Place("contexts", inputs.contexts_place, bytes_left,
                                  own_bytes, contexts));
  OutputTensor& weights = outputs.attn_weights_;
  weights.dtype = dtype;
  if (outputs.weights_kind_ != AttnWeights::kNone) {
    const auto shape =
        WeightsShape(outputs.weights_kind_, layout, outputs.weights_starts_);
    if (!shape.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("attn_weights: ", shape.status().message()));
    }
    weights.shape = *shape;
    ATTENTION_RETURN_IF_ERROR(Place("attn_weights", inputs.attn_weights_place,
                                    bytes_left, own_bytes, weights));
  }
  ATTENTION_ASSIGN_OR_RETURN(outputs.reservation_, budget.Reserve(own_bytes));
  Allocate(budget, contexts);
  if (outputs.weights_kind_ != AttnWeights::kNone) Allocate(budget, weights);
  return outputs;
}

MutableRowsView Outputs::Contexts(const InputLayout& layout,
                                  std::int64_t b) const {
  const auto size = static_cast<std::int64_t>(DTypeSize(contexts_.dtype));
  const std::int64_t row = layout.q_rows.starts[static_cast<std::size_t>(b)];
  return {.data = contexts_.data.get() + row * layout.contexts_width * size,
          .dtype = contexts_.dtype,
          .row_stride = layout.contexts_width};
}

AttnWeightsView Outputs::AttentionWeights(const InputLayout& layout,
                                          std::int64_t b) const {
  AttnWeightsView view;
  view.kind = weights_kind_;
  if (weights_kind_ == AttnWeights::kNone) return view;
  const auto i = static_cast<std::size_t>(b);
  const auto size = static_cast<std::int64_t>(DTypeSize(attn_weights_.dtype));
  view.data = attn_weights_.data.get() + weights_starts_[i] * size;
  view.dtype = attn_weights_.dtype;
  const std::int64_t rows =
      layout.packed ? layout.q_rows.lengths[i] : layout.q_rows.max_length;
  view.row_stride =
      layout.packed ? layout.kv_rows.lengths[i] : layout.kv_rows.max_length;
  view.head_stride = rows * view.row_stride;
  return view;
}

void Outputs::ZeroPadding(const InputLayout& layout) {
  if (layout.packed) return;
  const RowsLayout& q = layout.q_rows;
  const RowsLayout& kv = layout.kv_rows;
  const std::int64_t heads = WeightHeads(weights_kind_, layout);
  for (std::size_t b = 0; b < q.lengths.size(); ++b) {
    const std::int64_t q_pad = q.max_length - q.lengths[b];
    Zero(contexts_, (q.starts[b] + q.lengths[b]) * layout.contexts_width,
         q_pad * layout.contexts_width);
    if (weights_kind_ == AttnWeights::kNone) continue;
    const std::int64_t kv_pad = kv.max_length - kv.lengths[b];
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t matrix =
          weights_starts_[b] + h * q.max_length * kv.max_length;
      for (std::int64_t row = 0; kv_pad > 0 && row < q.lengths[b]; ++row) {
        Zero(attn_weights_, matrix + row * kv.max_length + kv.lengths[b],
             kv_pad);
      }
      Zero(attn_weights_, matrix + q.lengths[b] * kv.max_length,
           q_pad * kv.max_length);
    }
  }
}

}  // namespace attention
