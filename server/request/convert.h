// What a request asks for -> sequences for the engine: all validation, no
// copies but of a mask in pieces.
#ifndef SERVER_REQUEST_CONVERT_H_
#define SERVER_REQUEST_CONVERT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/attention/sequence.h"
#include "server/request/convert_outputs.h"
#include "server/request/model_widths.h"
#include "server/request/request_inputs.h"

namespace attention {

// What a request may hold at most.
struct ConvertLimits {
  std::int64_t max_response_bytes = 0;
  std::int64_t max_sequences = 0;
  std::int64_t max_tokens = 0;
};

// A request that the engine can take as it is.
struct ConvertedRequest {
  InputLayout layout{};
  // Inputs point into the message and `mask_memory`, outputs into `outputs`.
  std::vector<Sequence> sequences{};
  std::shared_ptr<const void> mask_memory{};
  Outputs outputs;
};

// InvalidArgument, naming the field, what it is and what is allowed, for every
// request that can never succeed; FailedPrecondition for one whose
// compute_dtype this CPU lacks; ResourceExhausted when `budget` has no room for
// its answer or its mask. What `inputs` points into must outlive the result.
absl::StatusOr<ConvertedRequest> ConvertRequest(const RequestInputs& inputs,
                                                const ModelWidths& model,
                                                const ConvertLimits& limits,
                                                MemoryBudget& budget);

}  // namespace attention

#endif  // SERVER_REQUEST_CONVERT_H_
