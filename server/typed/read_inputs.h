// AttendRequest -> what it asks for.
#ifndef SERVER_TYPED_READ_INPUTS_H_
#define SERVER_TYPED_READ_INPUTS_H_

#include "absl/status/statusor.h"
#include "attention/v1/attention.pb.h"
#include "server/request/request_inputs.h"

namespace attention {

// InvalidArgument, naming the field, for types and kinds that are unknown or
// not allowed there. Points into `request`.
absl::StatusOr<RequestInputs> ReadInputs(const v1::AttendRequest& request);

}  // namespace attention

#endif  // SERVER_TYPED_READ_INPUTS_H_
