// Statuses as clients of Triton know them.
#ifndef SERVER_INFERENCE_TRITON_CODE_H_
#define SERVER_INFERENCE_TRITON_CODE_H_

#include <chrono>

#include "absl/status/status.h"

namespace attention::oip {

// UNAVAILABLE, after which they try again, for what passes: memory or a queue
// that is full, and a deadline that was the `timeout` of the request. Zero: it
// had none, or the rpc's deadline came first.
absl::Status WithTritonCode(const absl::Status& status,
                            std::chrono::microseconds timeout);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_TRITON_CODE_H_
