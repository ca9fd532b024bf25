// Types and tensors of attention.v1 -> those of core/tensor.
#ifndef SERVER_TYPED_CONVERT_TENSOR_H_
#define SERVER_TYPED_CONVERT_TENSOR_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "attention/v1/attention.pb.h"
#include "server/request/request_inputs.h"

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

// InvalidArgument, naming `field`, when the element type is not allowed. The
// view points into `tensor`; its shape is not checked.
absl::StatusOr<InputTensor> ReadTensor(absl::string_view field,
                                       const v1::Tensor& tensor,
                                       AllowedDTypes allowed);

}  // namespace attention

#endif  // SERVER_TYPED_CONVERT_TENSOR_H_
