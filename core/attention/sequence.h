// One sequence to attend over: where its inputs are and where the answer goes.
#ifndef CORE_ATTENTION_SEQUENCE_H_
#define CORE_ATTENTION_SEQUENCE_H_

#include <cstddef>
#include <cstdint>

#include "core/tensor/dtype.h"
#include "core/tensor/fragments.h"

namespace attention {

// Rows of a matrix in memory that the caller keeps alive. Row r starts
// r * row_stride elements after `data`, which need not be aligned; with
// `fragments`, that many elements after byte `first_byte` of them, and `data`
// is null.
struct RowsView {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;  // kF32, kF16 or kBF16
  std::int64_t row_stride = 0;
  const Fragments* fragments = nullptr;
  std::int64_t first_byte = 0;

  // Whether they are the same memory, read alike.
  bool operator==(const RowsView&) const = default;
};

struct MutableRowsView {
  std::byte* data = nullptr;
  DType dtype = DType::kF32;  // kF32, kF16 or kBF16
  std::int64_t row_stride = 0;
};

// A mask as [num_heads, q_len, kv_len]; a stride of 0 broadcasts that axis, and
// k_stride is 0 or 1.
// kBool: nonzero takes part. Floating: added to the scores, -Inf excludes.
struct AttnMaskView {
  const std::byte* data = nullptr;  // null: no mask
  DType dtype = DType::kBool;       // kBool, kF32, kF16 or kBF16
  std::int64_t head_stride = 0;
  std::int64_t q_stride = 0;
  std::int64_t k_stride = 0;
};

// Which attention weights a request wants back.
enum class AttnWeights : std::uint8_t {
  kNone,
  kHeadAverage,  // [q_len, kv_len], the mean over the heads
  kPerHead,      // [num_heads, q_len, kv_len]
};

// Where attention weights are written.
struct AttnWeightsView {
  AttnWeights kind = AttnWeights::kNone;
  std::byte* data = nullptr;
  DType dtype = DType::kF32;     // kF32, kF16 or kBF16
  std::int64_t head_stride = 0;  // elements between heads, kPerHead only
  std::int64_t row_stride = 0;   // elements between rows, at least kv_len
};

// The work of one sequence. In a layer with projection weights a row of
// `queries` has embed_dim elements, of `keys` kdim, of `values` vdim, of
// `contexts` embed_dim. Without projection weights (`sdpa`) rows hold heads:
// [num_heads, head_dim], [num_kv_heads, head_dim], [num_kv_heads, v_head_dim]
// and contexts [num_heads, v_head_dim].
//
//   scores       = queries . keys^T * scale + attn_mask
//   attn_weights = softmax(scores); a row without any key is all zeros
//   contexts     = attn_weights . values (then out_proj, then + queries if
//                  `residual`)
//
// A NaN or Inf in a key or value that attn_mask or is_causal excludes may still
// reach rows of its own sequence (0 * NaN is NaN), never another sequence. Rows
// beyond q_len and kv_len are never read.
//
// A plain description: nothing here owns memory.
struct Sequence {
  std::int64_t q_len = 0;
  std::int64_t kv_len = 0;
  RowsView queries{};  // [q_len, ...]
  RowsView keys{};     // [kv_len, ...]
  RowsView values{};   // [kv_len, ...]
  AttnMaskView attn_mask{};
  // Query i sees keys 0..i only (aligned at the top left, as in PyTorch's
  // scaled_dot_product_attention and ONNX Attention). Combines with attn_mask.
  bool is_causal = false;
  double scale = 1;
  // Adds queries to contexts; needs rows of the same width.
  bool residual = false;
  MutableRowsView contexts{};  // [q_len, ...]
  AttnWeightsView attn_weights{};
};

}  // namespace attention

#endif  // CORE_ATTENTION_SEQUENCE_H_
