// attn_mask of a request -> one mask view for each sequence.
#ifndef SERVER_REQUEST_CONVERT_MASK_H_
#define SERVER_REQUEST_CONVERT_MASK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/attention/sequence.h"
#include "server/request/convert_layout.h"
#include "server/request/memory_budget.h"

namespace attention {

// A mask that broadcasts to [batch, num_heads, q_len, kv_len] by strides of 0.
struct BatchMask {
  // To be kept as long as the views: where a mask that came in pieces is one.
  std::shared_ptr<const void> memory{};
  AttnMaskView first{};           // the mask of sequence 0
  std::int64_t batch_stride = 0;  // elements

  // The mask of sequence `b`; the view has no data when there is no mask.
  AttnMaskView ForSequence(std::int64_t b) const;
};

// InvalidArgument unless the mask is broadcastable, as NumPy does it, aligned
// at the right. Points into `mask`; one in pieces is joined, as it is read row
// by row for every head and query, with ResourceExhausted when `budget` has no
// room for that.
absl::StatusOr<BatchMask> ConvertMask(const InputTensor& mask,
                                      const InputLayout& layout,
                                      MemoryBudget& budget);

}  // namespace attention

#endif  // SERVER_REQUEST_CONVERT_MASK_H_
