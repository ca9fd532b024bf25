// Reading and writing NumPy's .npy files.
//
// The format: "\x93NUMPY", a version, a header length, a Python dictionary of
// descr, fortran_order and shape, then the elements.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#ifndef CLIENT_CLI_NPY_H_
#define CLIENT_CLI_NPY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/attention_client.h"

namespace attention {

// Versions 1 to 3, C order, '<f4', '<f2' and '<f8' (rounded to f32).
// InvalidArgument, saying what is there and what is allowed, for everything
// else.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);

// A whole file, version 1. InvalidArgument unless the tensor is kF32 or kF16:
// NumPy has no bf16.
absl::StatusOr<std::string> SerializeNpy(const Tensor& tensor);

}  // namespace attention

#endif  // CLIENT_CLI_NPY_H_
