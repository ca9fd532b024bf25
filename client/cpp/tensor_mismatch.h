// Whether the bytes of a tensor are as many as its shape says.
#ifndef CLIENT_CPP_TENSOR_MISMATCH_H_
#define CLIENT_CPP_TENSOR_MISMATCH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "client/cpp/attention_client.h"

namespace attention {

// What is wrong between type, shape and number of bytes; empty when they fit.
std::string TensorMismatch(ElementType dtype,
                           std::span<const std::int64_t> shape,
                           std::size_t bytes);

}  // namespace attention

#endif  // CLIENT_CPP_TENSOR_MISMATCH_H_
