// Outputs in shared memory that would be written over each other or over what
// is read.
#ifndef SERVER_INFERENCE_REGION_OVERLAP_H_
#define SERVER_INFERENCE_REGION_OVERLAP_H_

#include <vector>

#include "absl/status/status.h"
#include "server/inference/infer_outputs.h"
#include "server/inference/infer_tensors.h"

namespace attention::oip {

// InvalidArgument, naming both and their bytes, unless each output has bytes of
// a region of its own: all that its shared_memory_byte_size says. Regions that
// map the same object are the client's own affair.
absl::Status CheckNoOverlap(const std::vector<PlacedTensor>& inputs,
                            const std::vector<InferOutput>& outputs);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_REGION_OVERLAP_H_
