#include "tests/support/infer_requests.h"

#include <algorithm>
#include <cstring>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "grpcpp/support/slice.h"

namespace attention {
namespace {

template <typename T>
std::string BytesOf(const std::vector<T>& elements) {
  std::string bytes(elements.size() * sizeof(T), '\0');
  if (!bytes.empty()) {
    std::memcpy(bytes.data(), elements.data(), bytes.size());
  }
  return bytes;
}

}  // namespace

::inference::ModelInferRequest InferRequest(const std::string& model) {
  ::inference::ModelInferRequest request;
  request.set_model_name(model);
  return request;
}

::inference::ModelInferRequest_InferInputTensor& AddInput(
    const std::string& name, const std::string& datatype,
    const std::vector<std::int64_t>& shape,
    ::inference::ModelInferRequest& request) {
  auto& input = *request.add_inputs();
  input.set_name(name);
  input.set_datatype(datatype);
  input.mutable_shape()->Add(shape.begin(), shape.end());
  return input;
}

void AddRawInput(const std::string& name, const std::string& datatype,
                 const std::vector<std::int64_t>& shape,
                 const std::string& elements,
                 ::inference::ModelInferRequest& request) {
  AddInput(name, datatype, shape, request);
  request.add_raw_input_contents(elements);
}

::inference::ModelInferRequest SmallInferRequest(const std::string& id) {
  ::inference::ModelInferRequest request = InferRequest("sdpa");
  request.set_id(id);
  AddRawInput("queries", "FP32", {2, 3, 2, 4}, RampBytes(48), request);
  return request;
}

void PutInRegion(
    const std::string& region, std::int64_t bytes, std::int64_t offset,
    google::protobuf::Map<std::string, ::inference::InferParameter>&
        parameters) {
  parameters["shared_memory_region"].set_string_param(region);
  parameters["shared_memory_byte_size"].set_int64_param(bytes);
  if (offset != 0) parameters["shared_memory_offset"].set_int64_param(offset);
}

std::string RampBytes(std::int64_t count) {
  std::vector<float> elements(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < elements.size(); ++i) {
    elements[i] = static_cast<float>(i % 97) / 97.0F - 0.5F;
  }
  return BytesOf(elements);
}

std::string Int64Bytes(const std::vector<std::int64_t>& elements) {
  return BytesOf(elements);
}

grpc::ByteBuffer CutBuffer(const std::string& bytes, std::size_t longest,
                           std::mt19937_64& random) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length =
        std::min(1 + random() % longest, bytes.size() - at);
    slices.emplace_back(bytes.data() + at, length);
    at += length;
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string CanonicalBytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return bytes;
}

}  // namespace attention
