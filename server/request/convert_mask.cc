#include "server/request/convert_mask.h"

#include <array>
#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/request/check_tensor.h"

namespace attention {
namespace {

constexpr int kMaskRank = 4;

struct JoinedMask {
  std::shared_ptr<const MemoryBudget::Reservation> reservation{};
  std::unique_ptr<std::byte[]> data{};
};

absl::StatusOr<std::shared_ptr<const JoinedMask>> Join(const Fragments& pieces,
                                                       MemoryBudget& budget) {
  auto joined = std::make_shared<JoinedMask>();
  ATTENTION_ASSIGN_OR_RETURN(joined->reservation,
                             budget.Reserve(pieces.size()));
  joined->data = std::make_unique_for_overwrite<std::byte[]>(
      static_cast<std::size_t>(pieces.size()));
  pieces.Copy(0, pieces.size(), joined->data.get());
  return joined;
}

}  // namespace

AttnMaskView BatchMask::ForSequence(std::int64_t b) const {
  AttnMaskView mask = first;
  if (mask.data != nullptr) {
    mask.data +=
        b * batch_stride * static_cast<std::int64_t>(DTypeSize(mask.dtype));
  }
  return mask;
}

absl::StatusOr<BatchMask> ConvertMask(const InputTensor& mask,
                                      const InputLayout& layout,
                                      MemoryBudget& budget) {
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view,
                             CheckTensor("attn_mask", mask, 0, kMaskRank));
  const Shape full{layout.q_rows.batch(), layout.spec.num_heads,
                   layout.q_rows.max_length, layout.kv_rows.max_length};
  std::array<std::int64_t, kMaskRank> strides{};
  std::int64_t stride = 1;
  for (int axis = view.shape.rank() - 1; axis >= 0; --axis) {
    const int full_axis = axis + kMaskRank - view.shape.rank();
    const std::int64_t dim = view.shape[axis];
    if (dim != 1 && dim != full[full_axis]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "attn_mask: shape ", view.shape.ToString(),
          " does not broadcast to [batch, num_heads, q_len, kv_len] = ",
          full.ToString()));
    }
    strides[static_cast<std::size_t>(full_axis)] = dim == 1 ? 0 : stride;
    stride *= dim;
  }
  BatchMask result;
  result.batch_stride = strides[0];
  result.first = {.data = view.data,
                  .dtype = view.dtype,
                  .head_stride = strides[1],
                  .q_stride = strides[2],
                  .k_stride = strides[3]};
  if (view.fragments == nullptr) return result;
  ATTENTION_ASSIGN_OR_RETURN(const auto joined, Join(*view.fragments, budget));
  result.first.data = joined->data.get();
  result.memory = joined;
  return result;
}

}  // namespace attention
