// A conformance case as a request, and the response as what the case expects.
#include "tests/support/conformance_request.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_registry.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

v1::DType ToProto(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return v1::DTYPE_F16;
    case DType::kBF16:
      return v1::DTYPE_BF16;
    case DType::kBool:
      return v1::DTYPE_BOOL;
    default:
      return v1::DTYPE_F32;
  }
}

void SetTensor(const HostTensor& tensor, v1::Tensor* proto) {
  proto->set_dtype(ToProto(tensor.dtype));
  for (const std::int64_t dim : tensor.shape.dims()) proto->add_shape(dim);
  proto->set_data(tensor.data.data(), tensor.data.size());
}

// [batch, rows, ...] as [tokens, ...]: the first lengths[b] rows of each.
HostTensor Pack(const HostTensor& tensor,
                const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> dims = tensor.shape.dims();
  const std::int64_t rows = dims[1];
  const std::int64_t row_bytes =
      static_cast<std::int64_t>(tensor.data.size()) / (dims[0] * rows);
  HostTensor packed{.dtype = tensor.dtype};
  std::int64_t tokens = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto first =
        tensor.data.begin() + static_cast<std::int64_t>(b) * rows * row_bytes;
    packed.data.insert(packed.data.end(), first,
                       first + lengths[b] * row_bytes);
    tokens += lengths[b];
  }
  dims.erase(dims.begin());
  dims[0] = tokens;
  packed.shape = Shape(std::move(dims));
  return packed;
}

// The first q_len rows and kv_len columns, where the mask has so many.
HostTensor CutMask(const HostTensor& mask, std::int64_t q_len,
                   std::int64_t kv_len) {
  std::vector<std::int64_t> dims = mask.shape.dims();
  const std::int64_t columns = dims.back();
  const std::int64_t rows = dims.size() < 2 ? 1 : dims[dims.size() - 2];
  const auto size = static_cast<std::int64_t>(DTypeSize(mask.dtype));
  const std::int64_t matrices =
      static_cast<std::int64_t>(mask.data.size()) / (rows * columns * size);
  dims.back() = std::min(columns, kv_len);
  const std::int64_t cut_rows = std::min(rows, q_len);
  if (dims.size() >= 2) dims[dims.size() - 2] = cut_rows;
  HostTensor cut{.dtype = mask.dtype};
  for (std::int64_t matrix = 0; matrix < matrices; ++matrix) {
    for (std::int64_t row = 0; row < cut_rows; ++row) {
      const auto first =
          mask.data.begin() + (matrix * rows + row) * columns * size;
      cut.data.insert(cut.data.end(), first, first + dims.back() * size);
    }
  }
  cut.shape = Shape(std::move(dims));
  return cut;
}

struct Lengths {
  std::vector<std::int64_t> q{};
  std::vector<std::int64_t> kv{};
};

Lengths LengthsOf(const ConformanceCase& a_case) {
  Lengths lengths;
  for (std::int64_t b = 0; b < a_case.batch(); ++b) {
    lengths.q.push_back(a_case.q_length(b));
    lengths.kv.push_back(a_case.kv_length(b));
  }
  return lengths;
}

v1::AttnWeights ToProto(AttnWeights kind) {
  switch (kind) {
    case AttnWeights::kHeadAverage:
      return v1::ATTN_WEIGHTS_HEAD_AVERAGE;
    case AttnWeights::kPerHead:
      return v1::ATTN_WEIGHTS_PER_HEAD;
    default:
      return v1::ATTN_WEIGHTS_NONE;
  }
}

// Elements of `tensor`, which must be of `dtype` and hold `count`.
absl::StatusOr<std::vector<double>> ReadTensor(const char* name,
                                               const v1::Tensor& tensor,
                                               DType dtype,
                                               std::int64_t count) {
  std::int64_t elements = 1;
  for (const std::int64_t dim : tensor.shape()) elements *= dim;
  if (tensor.dtype() != ToProto(dtype) || elements != count ||
      tensor.data().size() !=
          static_cast<std::size_t>(count) * DTypeSize(dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": ", elements, " elements of type ", tensor.dtype(),
                     " in ", tensor.data().size(), " bytes, expected ", count,
                     " of type ", ToProto(dtype)));
  }
  return ToDoubles(reinterpret_cast<const std::byte*>(tensor.data().data()),
                   dtype, count);
}

}  // namespace

bool CanBePacked(const ConformanceCase& a_case) {
  const Lengths lengths = LengthsOf(a_case);
  return *std::min_element(lengths.kv.begin(), lengths.kv.end()) > 0;
}

v1::AttendRequest MakeRequest(const ConformanceCase& a_case, Layout layout) {
  v1::AttendRequest request;
  request.set_model(a_case.model_name.empty() ? std::string(kSdpaModelName)
                                              : a_case.model_name);
  const bool is_self = !a_case.keys.has_value();
  const bool packed = layout == Layout::kPacked;
  const Lengths lengths = LengthsOf(a_case);
  SetTensor(packed ? Pack(a_case.queries, lengths.q) : a_case.queries,
            request.mutable_queries());
  if (!is_self) {
    SetTensor(packed ? Pack(*a_case.keys, lengths.kv) : *a_case.keys,
              request.mutable_keys());
    SetTensor(packed ? Pack(*a_case.values, lengths.kv) : *a_case.values,
              request.mutable_values());
  }
  if (packed || !a_case.q_lengths.empty()) {
    request.mutable_q_lengths()->Add(lengths.q.begin(), lengths.q.end());
  }
  if (!is_self && (packed || !a_case.kv_lengths.empty())) {
    request.mutable_kv_lengths()->Add(lengths.kv.begin(), lengths.kv.end());
  }
  if (a_case.attn_mask.has_value()) {
    // Packed, the mask is as large as the longest sequences.
    SetTensor(
        packed
            ? CutMask(*a_case.attn_mask,
                      *std::max_element(lengths.q.begin(), lengths.q.end()),
                      *std::max_element(lengths.kv.begin(), lengths.kv.end()))
            : *a_case.attn_mask,
        request.mutable_attn_mask());
  }
  request.set_is_causal(a_case.is_causal);
  if (a_case.scale.has_value()) request.set_scale(*a_case.scale);
  request.set_attn_weights(ToProto(a_case.attn_weights_kind));
  return request;
}

absl::StatusOr<PaddedAnswer> ReadResponse(const ConformanceCase& a_case,
                                          Layout layout,
                                          const v1::AttendResponse& response) {
  const bool packed = layout == Layout::kPacked;
  const bool average = a_case.attn_weights_kind == AttnWeights::kHeadAverage;
  const Lengths lengths = LengthsOf(a_case);
  std::int64_t rows = a_case.batch() * a_case.q_len();
  std::int64_t scores = rows * a_case.kv_len();
  if (packed) {
    rows = 0;
    scores = 0;
    for (std::size_t b = 0; b < lengths.q.size(); ++b) {
      rows += lengths.q[b];
      scores += lengths.q[b] * lengths.kv[b];
    }
  }
  PaddedAnswer answer;
  ATTENTION_ASSIGN_OR_RETURN(
      answer.contexts,
      ReadTensor("contexts", response.contexts(), a_case.queries.dtype,
                 rows * a_case.context_width()));
  if (a_case.attn_weights_kind != AttnWeights::kNone) {
    ATTENTION_ASSIGN_OR_RETURN(
        answer.attn_weights,
        ReadTensor("attn_weights", response.attn_weights(),
                   a_case.queries.dtype,
                   scores * (average ? 1 : a_case.spec.num_heads)));
  }
  return packed ? PadAnswer(a_case, answer.contexts, answer.attn_weights)
                : answer;
}

}  // namespace attention
