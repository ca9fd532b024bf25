// What Triton has and this server has not, said the same whoever asks.
#ifndef SERVER_INFERENCE_NOT_SERVED_H_
#define SERVER_INFERENCE_NOT_SERVED_H_

#include "absl/status/status.h"

namespace attention::oip {

inline absl::Status NoCudaError() {
  return absl::UnimplementedError(
      "this server computes on CPUs and has no CUDA shared memory; use system "
      "shared memory");
}

inline absl::Status NoTracesError() {
  return absl::UnimplementedError(
      "this server keeps no traces; answers have queue_us and compute_us, and "
      "the metrics port has histograms of both");
}

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_NOT_SERVED_H_
