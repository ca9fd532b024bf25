// InferMessage -> what it asks for.
#ifndef SERVER_INFERENCE_INFER_INPUTS_H_
#define SERVER_INFERENCE_INFER_INPUTS_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/inference/client_regions.h"
#include "server/inference/infer.h"
#include "server/inference/infer_outputs.h"
#include "server/inference/served_name.h"
#include "server/inference/shared_memory.h"
#include "server/request/request_inputs.h"

namespace attention::oip {

// A longer `timeout` is none.
inline constexpr std::chrono::hours kMaxTimeout{24 * 365};

struct InferInputs {
  RequestInputs inputs{};
  // Packed tensors came as a batch of one, and so do the outputs.
  bool batch_of_one = false;
  // At least one.
  std::vector<InferOutput> outputs{};
  // As core/engine/priority.h has it.
  std::uint64_t priority = 0;
  // Zero: none.
  std::chrono::microseconds timeout{0};
  // Shared memory that inputs or outputs are in, each to be kept until the
  // request is done.
  std::vector<SharedBytes> regions{};
};

// InvalidArgument, saying what was wrong and what is allowed, for every tensor
// and parameter that no model takes, NotFound for shared memory that is not
// registered. Shapes are not checked yet. Points into `message` and the
// regions.
absl::StatusOr<InferInputs> ReadInferInputs(const InferMessage& message,
                                            const ServedName& served,
                                            const ClientRegions& regions);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_INPUTS_H_
