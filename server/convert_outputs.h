// The memory of a response, laid out before anything is computed.
#ifndef SERVER_CONVERT_OUTPUTS_H_
#define SERVER_CONVERT_OUTPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "attention/v1/attention.pb.h"
#include "core/attention/sequence.h"
#include "server/convert_layout.h"

namespace attention {

// A tensor of the response. Uninitialised but for its padding: the engine
// writes every element of every sequence.
struct OutputTensor {
  DType dtype = DType::kF32;
  Shape shape{};
  std::int64_t bytes = 0;
  std::unique_ptr<std::byte[]> data{};
};

// What the engine writes for one request.
class Outputs {
 public:
  // InvalidArgument for an output type or kind of weights that is unknown, and
  // for tensors that together are larger than `max_bytes`, before any memory is
  // taken.
  static absl::StatusOr<Outputs> Create(const v1::AttendRequest& request,
                                        const InputLayout& layout,
                                        std::int64_t max_bytes);

  // Where the engine writes sequence `b`.
  MutableRowsView Contexts(const InputLayout& layout, std::int64_t b) const;
  AttnWeightsView AttentionWeights(const InputLayout& layout,
                                   std::int64_t b) const;

  AttnWeights weights_kind() const { return weights_kind_; }
  OutputTensor& contexts() { return contexts_; }
  // Without data when no weights are wanted.
  OutputTensor& attn_weights() { return attn_weights_; }

 private:
  Outputs() = default;

  void ZeroPadding(const InputLayout& layout);

  AttnWeights weights_kind_ = AttnWeights::kNone;
  OutputTensor contexts_;
  OutputTensor attn_weights_;
  // Element at which the weights of each sequence start, [batch].
  std::vector<std::int64_t> weights_starts_;
};

}  // namespace attention

#endif  // SERVER_CONVERT_OUTPUTS_H_
