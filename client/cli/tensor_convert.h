// Between the tensors of the client library and those of the core.
#ifndef CLIENT_CLI_TENSOR_CONVERT_H_
#define CLIENT_CLI_TENSOR_CONVERT_H_

#include <memory>
#include <optional>

#include "client/cpp/attention_client.h"
#include "core/tensor/tensor_view.h"

namespace attention {

DType ToDType(ElementType dtype);
// Nothing for types that the server does not take.
std::optional<ElementType> ToElementType(DType dtype);

// The same tensor in another floating type; itself when it has that type or is
// kBool.
Tensor ConvertTensor(const Tensor& tensor, ElementType dtype);

// A view that lives as long as the tensor's bytes.
TensorView ToView(const Tensor& tensor);

}  // namespace attention

#endif  // CLIENT_CLI_TENSOR_CONVERT_H_
