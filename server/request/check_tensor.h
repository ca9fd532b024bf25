// A tensor of a request, its shape checked against its bytes.
#ifndef SERVER_REQUEST_CHECK_TENSOR_H_
#define SERVER_REQUEST_CHECK_TENSOR_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/request/request_inputs.h"

namespace attention {

// InvalidArgument, naming `field`, unless the rank is within [min_rank,
// max_rank], no dimension is negative, and there are exactly the bytes of the
// shape.
absl::StatusOr<TensorView> CheckTensor(absl::string_view field,
                                       const InputTensor& tensor, int min_rank,
                                       int max_rank);

}  // namespace attention

#endif  // SERVER_REQUEST_CHECK_TENSOR_H_
