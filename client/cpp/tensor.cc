// Tensors of the client: element types, views and owners.
#include <bit>
#include <utility>

#include "client/cpp/attention_client.h"

namespace attention {

static_assert(std::endian::native == std::endian::little,
              "tensors are little-endian on the wire and sent as they are");

std::size_t ElementSize(ElementType dtype) {
  switch (dtype) {
    case ElementType::kF32:
      return 4;
    case ElementType::kF16:
    case ElementType::kBF16:
      return 2;
    case ElementType::kBool:
      return 1;
  }
  return 0;
}

absl::string_view ElementName(ElementType dtype) {
  switch (dtype) {
    case ElementType::kF32:
      return "f32";
    case ElementType::kF16:
      return "f16";
    case ElementType::kBF16:
      return "bf16";
    case ElementType::kBool:
      return "bool";
  }
  return "unknown";
}

Tensor Tensor::View(std::vector<std::int64_t> shape,
                    std::span<const float> values) {
  return {.shape = std::move(shape), .bytes = std::as_bytes(values)};
}

Tensor Tensor::Own(std::vector<std::int64_t> shape, std::vector<float> values) {
  auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  Tensor tensor = View(std::move(shape), *owner);
  tensor.owner = std::move(owner);
  return tensor;
}

Tensor Tensor::Own(ElementType dtype, std::vector<std::int64_t> shape,
                   std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  return {.dtype = dtype,
          .shape = std::move(shape),
          .bytes = std::as_bytes(std::span(owner->data(), owner->size())),
          .owner = owner};
}

std::span<const float> Tensor::f32() const {
  if (dtype != ElementType::kF32) {
    return {};
  }
  return {reinterpret_cast<const float*>(bytes.data()),
          bytes.size() / sizeof(float)};
}

}  // namespace attention
