#include "server/request/convert_outputs.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/request/convert_tensor.h"

namespace attention {
namespace {

absl::StatusOr<AttnWeights> ConvertKind(v1::AttnWeights kind) {
  switch (kind) {
    case v1::ATTN_WEIGHTS_NONE:
      return AttnWeights::kNone;
    case v1::ATTN_WEIGHTS_HEAD_AVERAGE:
      return AttnWeights::kHeadAverage;
    case v1::ATTN_WEIGHTS_PER_HEAD:
      return AttnWeights::kPerHead;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "attn_weights is ", static_cast<int>(kind),
          ", allowed are ATTN_WEIGHTS_NONE, ATTN_WEIGHTS_HEAD_AVERAGE and "
          "ATTN_WEIGHTS_PER_HEAD"));
  }
}

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

void Allocate(OutputTensor& tensor) {
  // Not zeroed: that would be a pass over megabytes which are written anyway.
  tensor.data = std::make_unique_for_overwrite<std::byte[]>(
      static_cast<std::size_t>(tensor.bytes));
}

}  // namespace

absl::StatusOr<Outputs> Outputs::Create(const v1::AttendRequest& request,
                                        const InputLayout& layout,
                                        std::int64_t max_bytes,
                                        MemoryBudget& budget) {
  Outputs outputs;
  ATTENTION_ASSIGN_OR_RETURN(
      const DType dtype,
      ConvertDType("output_dtype", request.output_dtype(), layout.queries.dtype,
                   AllowedDTypes::kFloating));
  ATTENTION_ASSIGN_OR_RETURN(outputs.weights_kind_,
                             ConvertKind(request.attn_weights()));
  OutputTensor& contexts = outputs.contexts_;
  contexts.dtype = dtype;
  const int row_rank = layout.queries.shape.rank() - (layout.packed ? 1 : 2);
  contexts.shape = ContextsShape(layout, row_rank == 2);
  const std::int64_t max_tensor_bytes = max_bytes - kMaxResponseHeaderBytes;
  ATTENTION_RETURN_IF_ERROR(SetBytes("contexts", max_tensor_bytes, contexts));
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
    ATTENTION_RETURN_IF_ERROR(
        SetBytes("attn_weights", max_tensor_bytes - contexts.bytes, weights));
  }
  ATTENTION_ASSIGN_OR_RETURN(outputs.reservation_,
                             budget.Reserve(contexts.bytes + weights.bytes));
  Allocate(contexts);
  if (outputs.weights_kind_ != AttnWeights::kNone) Allocate(weights);
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
