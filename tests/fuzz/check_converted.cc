#include "tests/fuzz/check_converted.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "core/attention/isa.h"

namespace attention {
namespace {

std::int64_t Size(DType dtype) {
  return static_cast<std::int64_t>(DTypeSize(dtype));
}

// Reads the first and last byte; the sanitizer knows whether they are there.
void Touch(const std::byte* data, std::int64_t bytes) {
  if (bytes <= 0) return;
  const volatile std::byte* const bytes_read = data;
  static_cast<void>(bytes_read[0]);
  static_cast<void>(bytes_read[bytes - 1]);
}

void TouchRows(const RowsView& rows, std::int64_t count) {
  const std::int64_t bytes = count * rows.row_stride * Size(rows.dtype);
  if (rows.fragments == nullptr) {
    Touch(rows.data, bytes);
    return;
  }
  Require(rows.data == nullptr && rows.first_byte >= 0 &&
          bytes <= rows.fragments->size() - rows.first_byte);
  if (bytes == 0) return;
  Touch(rows.fragments->Contiguous(rows.first_byte, 1), 1);
  Touch(rows.fragments->Contiguous(rows.first_byte + bytes - 1, 1), 1);
}

// Reads the element of the mask that is furthest away.
void TouchMask(const Sequence& s, std::int64_t num_heads) {
  const AttnMaskView& mask = s.attn_mask;
  if (mask.data == nullptr || s.kv_len == 0) return;
  const std::int64_t last = (num_heads - 1) * mask.head_stride +
                            (s.q_len - 1) * mask.q_stride +
                            (s.kv_len - 1) * mask.k_stride;
  Touch(mask.data, (last + 1) * Size(mask.dtype));
}

// Writes as the engine does.
void WriteOutputs(const Sequence& s, std::int64_t num_heads) {
  std::memset(s.contexts.data, 1,
              static_cast<std::size_t>(s.q_len * s.contexts.row_stride *
                                       Size(s.contexts.dtype)));
  const AttnWeightsView& weights = s.attn_weights;
  if (weights.kind == AttnWeights::kNone) return;
  Require(weights.row_stride >= s.kv_len);
  const std::int64_t heads =
      weights.kind == AttnWeights::kPerHead ? num_heads : 1;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t q = 0; q < s.q_len; ++q) {
      std::memset(
          weights.data + (h * weights.head_stride + q * weights.row_stride) *
                             Size(weights.dtype),
          1, static_cast<std::size_t>(s.kv_len * Size(weights.dtype)));
    }
  }
}

}  // namespace

void Require(bool condition) {
  if (!condition) std::abort();
}

std::vector<ModelWidths> FuzzModels() {
  return {{.name = "sdpa", .is_sdpa = true},
          {.name = "layer",
           .spec = {.num_heads = 2,
                    .num_kv_heads = 1,
                    .head_dim = 4,
                    .v_head_dim = 3},
           .embed_dim = 8,
           .kdim = 8,
           .vdim = 8}};
}

ConvertLimits FuzzLimits() {
  return {
      .max_response_bytes = 1 << 20, .max_sequences = 64, .max_tokens = 1024};
}

void CheckConverted(const absl::StatusOr<ConvertedRequest>& converted) {
  if (!converted.ok()) {
    const absl::StatusCode code = converted.status().code();
    Require(
        code == absl::StatusCode::kInvalidArgument ||
        (code == absl::StatusCode::kFailedPrecondition && !HasBf16Products()));
    Require(!converted.status().message().empty());
    return;
  }
  std::int64_t tokens = 0;
  for (const Sequence& s : converted->sequences) {
    Require(s.q_len >= 1 && s.kv_len >= 0);
    tokens += std::max(s.q_len, s.kv_len);
    TouchRows(s.queries, s.q_len);
    TouchRows(s.keys, s.kv_len);
    TouchRows(s.values, s.kv_len);
    TouchMask(s, converted->layout.spec.num_heads);
    WriteOutputs(s, converted->layout.spec.num_heads);
  }
  Require(tokens == converted->layout.tokens &&
          tokens <= FuzzLimits().max_tokens);
}

}  // namespace attention
