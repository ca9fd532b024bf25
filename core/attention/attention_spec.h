// The numbers that make one attention layer what it is.
#ifndef CORE_ATTENTION_ATTENTION_SPEC_H_
#define CORE_ATTENTION_ATTENTION_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"

namespace attention {

// Heads of a layer. Query head h uses key and value head
// h / (num_heads / num_kv_heads), as in grouped-query attention.
struct AttentionSpec {
  std::int64_t num_heads = 1;
  std::int64_t num_kv_heads = 1;
  // Width of a query and key head.
  std::int64_t head_dim = 1;
  // Width of a value head.
  std::int64_t v_head_dim = 1;
  // What products multiply: kF32, or kBF16, where inputs, parameters, queries,
  // keys, values, weights and contexts are rounded to 8 bits before they are
  // multiplied. Sums are f32 either way; 2^x of the softmax is within 1e-4
  // where its result is rounded, and else as in f32.
  DType compute_dtype = DType::kF32;

  // InvalidArgument unless every number is positive, num_heads is a multiple
  // of num_kv_heads and at most kMaxHeads, and the widths are at most
  // kMaxHeadDim; with kBF16 also unless head_dim is even. FailedPrecondition
  // for kBF16 where there are no such products.
  absl::Status Validate() const;

  // 1 / sqrt(head_dim), what scores are multiplied with unless a request says
  // otherwise.
  double DefaultScale() const;

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

// A compute_dtype as flags and messages name it: "f32" or "bf16"; nothing when
// it is neither.
std::optional<DType> ParseComputeDType(absl::string_view name);

// The name that ParseComputeDType takes.
std::string ComputeDTypeName(DType dtype);

// A head's keys and values must fit the second-level cache beside a tile of
// scores.
inline constexpr std::int64_t kMaxHeadDim = 1024;

// Many times what any model has; sizes computed from it stay far from overflow.
inline constexpr std::int64_t kMaxHeads = 4096;

}  // namespace attention

#endif  // CORE_ATTENTION_ATTENTION_SPEC_H_
