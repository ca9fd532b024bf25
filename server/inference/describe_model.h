// What a model takes and gives, and how it is served.
#ifndef SERVER_INFERENCE_DESCRIBE_MODEL_H_
#define SERVER_INFERENCE_DESCRIBE_MODEL_H_

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

// Each is NotFound, as FindServed has it, for an unknown model or version.
//
// Only the inputs that a request must have are declared, as there are clients
// that send all that are; the property `optional_inputs` names the others. The
// first dimension of every shape is the batch, of max_batch_size at most.

absl::Status DescribeMetadata(const InferenceContext& context,
                              const ::inference::ModelMetadataRequest& request,
                              ::inference::ModelMetadataResponse& response);

absl::Status DescribeConfig(const InferenceContext& context,
                            const ::inference::ModelConfigRequest& request,
                            ::inference::ModelConfigResponse& response);

// A model that was taken out is known, and not ready; nor is any before the
// server is warm, or when it stops.
absl::Status DescribeReady(const InferenceContext& context,
                           const ::inference::ModelReadyRequest& request,
                           ::inference::ModelReadyResponse& response);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_DESCRIBE_MODEL_H_
