// A tensor of a request -> a view on the request's own memory.
#ifndef SERVER_REQUEST_CONVERT_TENSOR_H_
#define SERVER_REQUEST_CONVERT_TENSOR_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "attention/v1/attention.pb.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// Which types a field of a request takes; kCompute is kF32 and kBF16.
enum class AllowedDTypes { kFloating, kFloatingOrBool, kCompute };

// The type on the wire; `unspecified` stands for DTYPE_UNSPECIFIED.
// InvalidArgument, naming `field`, when it is unknown or not allowed.
absl::StatusOr<DType> ConvertDType(absl::string_view field, v1::DType dtype,
                                   DType unspecified, AllowedDTypes allowed);

// kF32, kF16, kBF16 and kBool have a name on the wire; what else a safetensors
// file may hold is DTYPE_UNSPECIFIED there.
v1::DType ToProtoDType(DType dtype);

// InvalidArgument, naming `field`, unless the rank is within [min_rank,
// max_rank], no dimension is negative, the element type is allowed and `data`
// holds exactly the shape. The view points into `tensor`.
absl::StatusOr<TensorView> ConvertTensor(absl::string_view field,
                                         const v1::Tensor& tensor, int min_rank,
                                         int max_rank, AllowedDTypes allowed);

}  // namespace attention

#endif  // SERVER_REQUEST_CONVERT_TENSOR_H_
