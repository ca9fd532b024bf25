// Between the tensors of the client library and those of the core.
#include "client/cli/tensor_convert.h"

#include <string>
#include <utility>
#include <vector>

#include "core/tensor/convert_dtype.h"

namespace attention {

DType ToDType(ElementType dtype) {
  switch (dtype) {
    case ElementType::kF16:
      return DType::kF16;
    case ElementType::kBF16:
      return DType::kBF16;
    case ElementType::kBool:
      return DType::kBool;
    case ElementType::kF32:
      break;
  }
  return DType::kF32;
}

std::optional<ElementType> ToElementType(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return ElementType::kF32;
    case DType::kF16:
      return ElementType::kF16;
    case DType::kBF16:
      return ElementType::kBF16;
    case DType::kBool:
      return ElementType::kBool;
    default:
      return std::nullopt;
  }
}

Tensor ConvertTensor(const Tensor& tensor, ElementType dtype) {
  if (tensor.dtype == dtype || tensor.dtype == ElementType::kBool) {
    return tensor;
  }
  const auto count = static_cast<std::int64_t>(tensor.bytes.size() /
                                               ElementSize(tensor.dtype));
  std::vector<float> values(count);
  ConvertToF32(tensor.bytes.data(), ToDType(tensor.dtype), count,
               values.data());
  if (dtype == ElementType::kF32) {
    return Tensor::Own(tensor.shape, std::move(values));
  }
  std::string bytes(count * ElementSize(dtype), '\0');
  ConvertFromF32(values.data(), count, ToDType(dtype),
                 reinterpret_cast<std::byte*>(bytes.data()));
  return Tensor::Own(dtype, tensor.shape, std::move(bytes));
}

TensorView ToView(const Tensor& tensor) {
  return {.dtype = ToDType(tensor.dtype),
          .shape = Shape(tensor.shape),
          .data = tensor.bytes.data()};
}

}  // namespace attention
