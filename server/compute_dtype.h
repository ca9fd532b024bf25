// The types that a model may compute in, as flags and messages name them.
#ifndef SERVER_COMPUTE_DTYPE_H_
#define SERVER_COMPUTE_DTYPE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"

namespace attention {

// "f32" or "bf16"; nothing when it is neither.
std::optional<DType> ParseComputeDType(absl::string_view name);

// The name that ParseComputeDType takes.
std::string ComputeDTypeName(DType dtype);

}  // namespace attention

#endif  // SERVER_COMPUTE_DTYPE_H_
