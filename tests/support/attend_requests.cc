#include "tests/support/attend_requests.h"

#include <cstring>

namespace attention {
namespace {

std::size_t ElementSize(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_BOOL:
      return 1;
    case v1::DTYPE_F16:
    case v1::DTYPE_BF16:
      return 2;
    default:
      return 4;
  }
}

}  // namespace

v1::Tensor ZeroTensor(const std::vector<std::int64_t>& shape, v1::DType dtype) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  std::size_t bytes = ElementSize(dtype);
  for (const std::int64_t dim : shape) {
    tensor.add_shape(dim);
    bytes *= static_cast<std::size_t>(dim);
  }
  tensor.mutable_data()->resize(bytes);
  return tensor;
}

v1::Tensor RampTensor(const std::vector<std::int64_t>& shape) {
  v1::Tensor tensor = ZeroTensor(shape);
  std::string& data = *tensor.mutable_data();
  for (std::size_t i = 0; i < data.size() / sizeof(float); ++i) {
    const float value = static_cast<float>(i % 17) * 0.125f - 1.0f;
    std::memcpy(data.data() + i * sizeof(float), &value, sizeof(float));
  }
  return tensor;
}

v1::AttendRequest SelfAttention(const std::string& model, std::int64_t batch,
                                std::int64_t q_len, std::int64_t embed_dim) {
  v1::AttendRequest request;
  request.set_model(model);
  *request.mutable_queries() = RampTensor({batch, q_len, embed_dim});
  return request;
}

v1::AttendRequest SmallSdpaRequest(const std::string& id) {
  v1::AttendRequest request;
  request.set_model("sdpa");
  request.set_id(id);
  *request.mutable_queries() = RampTensor({2, 3, 2, 4});
  return request;
}

}  // namespace attention
