// Node tests of the ONNX operator Attention, as requests to `sdpa`.
#include "tests/support/onnx_attention_cases.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

// What ONNX computed in f32 is a few roundings off; stored as f16 it is 2^-11.
constexpr double kStoredError = 3e-7;
constexpr double kHalfStoredError = 5e-4;

// Three times what PyTorch is off in f32; an f16 answer is rounded once more.
constexpr double kTolerance = 2e-6;
constexpr double kHalfTolerance = 1e-3;

// The value of qk_matmul_output_mode for the attention weights.
constexpr int kModeAttnWeights = 3;

// [batch, heads, rows, width] as [batch, rows, heads, width].
HostTensor SwapHeadsAndRows(const HostTensor& tensor) {
  const std::int64_t batch = tensor.shape[0];
  const std::int64_t heads = tensor.shape[1];
  const std::int64_t rows = tensor.shape[2];
  const std::int64_t bytes =
      tensor.shape[3] * static_cast<std::int64_t>(DTypeSize(tensor.dtype));
  HostTensor swapped = tensor;
  swapped.shape = Shape{batch, rows, heads, tensor.shape[3]};
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t r = 0; r < rows; ++r) {
        std::memcpy(swapped.data.data() + ((b * rows + r) * heads + h) * bytes,
                    tensor.data.data() + ((b * heads + h) * rows + r) * bytes,
                    bytes);
      }
    }
  }
  return swapped;
}

// An input or output as [batch, rows, heads, width]. Of rank 3 it is that
// already, with heads and width in one axis.
absl::StatusOr<HostTensor> ReadHeads(const Safetensors& file, const char* name,
                                     std::int64_t heads) {
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view, file.Get(name));
  HostTensor tensor = CopyTensor(view);
  if (tensor.shape.rank() == 4) return SwapHeadsAndRows(tensor);
  tensor.shape =
      Shape{tensor.shape[0], tensor.shape[1], heads, tensor.shape[2] / heads};
  return tensor;
}

std::string WhatIsNotServed(const Safetensors& file,
                            const nlohmann::json& attributes) {
  if (file.tensors().contains("past_key")) return "past and present";
  if (attributes.value("softcap", 0.0) != 0) return "softcap";
  if (file.tensors().contains("qk_matmul_output") &&
      attributes.value("qk_matmul_output_mode", 0) != kModeAttnWeights) {
    return "qk_matmul_output of scores";
  }
  return "";
}

// nonpad_kv_seqlen, which is kv_lengths.
std::vector<std::int64_t> ReadLengths(const TensorView& view) {
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(view.shape[0]));
  std::memcpy(lengths.data(), view.data, lengths.size() * sizeof(lengths[0]));
  return lengths;
}

// What takes no part in a mask of `dtype`: -Inf, little-endian, or false.
std::vector<std::byte> Excluded(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0xff}};
    case DType::kF16:
      return {std::byte{0}, std::byte{0xfc}};
    case DType::kBF16:
      return {std::byte{0x80}, std::byte{0xff}};
    default:
      return {std::byte{0}};
  }
}

// A mask may have fewer keys than there are; the rest takes no part.
HostTensor PadMask(const HostTensor& mask, std::int64_t kv_len) {
  std::vector<std::int64_t> dims = mask.shape.dims();
  const std::int64_t has = dims.back();
  if (has == kv_len || has == 1) return mask;
  dims.back() = kv_len;
  HostTensor padded{.dtype = mask.dtype, .shape = Shape(std::move(dims))};
  const std::vector<std::byte> excluded = Excluded(mask.dtype);
  const std::int64_t row_bytes =
      has * static_cast<std::int64_t>(excluded.size());
  for (auto row = mask.data.begin(); row != mask.data.end(); row += row_bytes) {
    padded.data.insert(padded.data.end(), row, row + row_bytes);
    for (std::int64_t k = has; k < kv_len; ++k) {
      padded.data.insert(padded.data.end(), excluded.begin(), excluded.end());
    }
  }
  return padded;
}

absl::Status ReadExpected(const Safetensors& file, ConformanceCase& a_case) {
  ATTENTION_ASSIGN_OR_RETURN(const HostTensor contexts,
                             ReadHeads(file, "Y", a_case.spec.num_heads));
  a_case.contexts =
      ToDoubles(contexts.data.data(), contexts.dtype, contexts.element_count());
  const bool is_half = contexts.dtype != DType::kF32;
  a_case.stored_error = is_half ? kHalfStoredError : kStoredError;
  a_case.tolerance = is_half ? kHalfTolerance : kTolerance;
  if (!file.tensors().contains("qk_matmul_output")) return absl::OkStatus();
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view,
                             file.Get("qk_matmul_output"));
  const HostTensor weights = CopyTensor(view);
  a_case.attn_weights =
      ToDoubles(weights.data.data(), weights.dtype, weights.element_count());
  a_case.attn_weights_kind = AttnWeights::kPerHead;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ConformanceCase>> OnnxAttentionCases(
    const std::string& name, const Safetensors& file) {
  const auto found = file.metadata().find("attributes");
  const auto attributes = nlohmann::json::parse(
      found == file.metadata().end() ? "{}" : found->second, nullptr, false);
  if (!attributes.is_object()) {
    return absl::InvalidArgumentError(name + ": attributes are not JSON");
  }
  const std::string not_served = WhatIsNotServed(file, attributes);
  if (!not_served.empty()) return absl::UnimplementedError(not_served);

  ConformanceCase a_case{.name = name};
  ATTENTION_ASSIGN_OR_RETURN(
      a_case.queries, ReadHeads(file, "Q", attributes.value("q_num_heads", 1)));
  const std::int64_t kv_heads = attributes.value("kv_num_heads", 1);
  ATTENTION_ASSIGN_OR_RETURN(a_case.keys, ReadHeads(file, "K", kv_heads));
  ATTENTION_ASSIGN_OR_RETURN(a_case.values, ReadHeads(file, "V", kv_heads));
  a_case.spec = {a_case.queries.shape[2], a_case.keys->shape[2],
                 a_case.queries.shape[3], a_case.values->shape[3]};
  if (file.tensors().contains("attn_mask")) {
    ATTENTION_ASSIGN_OR_RETURN(const TensorView mask, file.Get("attn_mask"));
    a_case.attn_mask = PadMask(CopyTensor(mask), a_case.kv_len());
  }
  a_case.is_causal = attributes.value("is_causal", 0) != 0;
  if (attributes.contains("scale")) {
    a_case.scale = attributes["scale"].get<float>();
  }
  if (file.tensors().contains("nonpad_kv_seqlen")) {
    ATTENTION_ASSIGN_OR_RETURN(const TensorView lengths,
                               file.Get("nonpad_kv_seqlen"));
    a_case.kv_lengths = ReadLengths(lengths);
    if (a_case.is_causal) {
      return absl::UnimplementedError("is_causal aligned at the last key");
    }
  }
  ATTENTION_RETURN_IF_ERROR(ReadExpected(file, a_case));
  return std::vector<ConformanceCase>{std::move(a_case)};
}

}  // namespace attention
