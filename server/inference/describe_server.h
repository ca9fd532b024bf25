// The server as ServerMetadata describes it.
#ifndef SERVER_INFERENCE_DESCRIBE_SERVER_H_
#define SERVER_INFERENCE_DESCRIBE_SERVER_H_

#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

// Its extensions are those that work here and now.
void DescribeServerMetadata(const InferenceContext& context,
                            ::inference::ServerMetadataResponse& response);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_DESCRIBE_SERVER_H_
