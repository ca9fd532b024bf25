// Counts and times of models, as ModelStatistics asks for them.
#ifndef SERVER_INFERENCE_STATISTICS_H_
#define SERVER_INFERENCE_STATISTICS_H_

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

// Of one model, or of every one that can be asked now when the request has no
// name. NAME and NAME@weights are one model, so they give the same numbers.
// NotFound, as FindServed has it, for an unknown model or version.
absl::Status DescribeStatistics(
    const InferenceContext& context,
    const ::inference::ModelStatisticsRequest& request,
    ::inference::ModelStatisticsResponse& response);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_STATISTICS_H_
