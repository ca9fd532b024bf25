// absl::Status -> grpc::Status, the one mapping.
#ifndef SERVER_REQUEST_GRPC_STATUS_H_
#define SERVER_REQUEST_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace attention {

grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace attention

#endif  // SERVER_REQUEST_GRPC_STATUS_H_
