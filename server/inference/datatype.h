// Names of element types on the wire, "FP32".
#ifndef SERVER_INFERENCE_DATATYPE_H_
#define SERVER_INFERENCE_DATATYPE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"

namespace attention::oip {

// Those that some tensor may have: FP32, FP16, BF16, BOOL, INT64, INT32.
std::optional<DType> ParseDatatype(absl::string_view name);

// REQUIRES: one of the above.
absl::string_view DatatypeName(DType dtype);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_DATATYPE_H_
