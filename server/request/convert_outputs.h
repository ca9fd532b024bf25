// The memory of a response, laid out before anything is computed.
#ifndef SERVER_REQUEST_CONVERT_OUTPUTS_H_
#define SERVER_REQUEST_CONVERT_OUTPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/attention/sequence.h"
#include "server/request/convert_layout.h"
#include "server/request/memory_budget.h"

namespace attention {

// What a response message may take besides its tensors' elements: id, timing,
// names, shapes and tags.
inline constexpr std::int64_t kMaxResponseHeaderBytes = 1024;

// A tensor of the response. Uninitialised: the engine writes every element of
// every sequence.
struct OutputTensor {
  DType dtype = DType::kF32;
  Shape shape{};
  std::int64_t bytes = 0;
  std::shared_ptr<std::byte[]> data{};
};

// What the engine writes for one request.
class Outputs {
 public:
  // InvalidArgument for a response larger than `max_bytes`, and for a tensor
  // larger than the place that the client offers; ResourceExhausted when
  // `budget` has no room for it. Then no memory was taken.
  static absl::StatusOr<Outputs> Create(const RequestInputs& inputs,
                                        const InputLayout& layout,
                                        std::int64_t max_bytes,
                                        MemoryBudget& budget);

  // Before a padded response is sent.
  void ZeroPadding(const InputLayout& layout);

  // Where the engine writes sequence `b`.
  MutableRowsView Contexts(const InputLayout& layout, std::int64_t b) const;
  AttnWeightsView AttentionWeights(const InputLayout& layout,
                                   std::int64_t b) const;

  AttnWeights weights_kind() const { return weights_kind_; }
  OutputTensor& contexts() { return contexts_; }
  // Without data when no weights are wanted.
  OutputTensor& attn_weights() { return attn_weights_; }
  // To be kept as long as the memory of a tensor.
  const std::shared_ptr<const MemoryBudget::Reservation>& reservation() const {
    return reservation_;
  }

 private:
  Outputs() = default;

  AttnWeights weights_kind_ = AttnWeights::kNone;
  OutputTensor contexts_;
  OutputTensor attn_weights_;
  std::shared_ptr<const MemoryBudget::Reservation> reservation_;
  // Element at which the weights of each sequence start, [batch].
  std::vector<std::int64_t> weights_starts_;
};

}  // namespace attention

#endif  // SERVER_REQUEST_CONVERT_OUTPUTS_H_
