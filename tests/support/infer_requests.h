// Messages of the Open Inference Protocol for tests, as a client would make
// them and as the network would cut them.
#ifndef TESTS_SUPPORT_INFER_REQUESTS_H_
#define TESTS_SUPPORT_INFER_REQUESTS_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/map.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "inference/grpc_service.pb.h"

namespace attention {

// A request for `model` without inputs.
::inference::ModelInferRequest InferRequest(const std::string& model);

// Appends an input without elements, and gives it back to be changed.
::inference::ModelInferRequest_InferInputTensor& AddInput(
    const std::string& name, const std::string& datatype,
    const std::vector<std::int64_t>& shape,
    ::inference::ModelInferRequest& request);

// The same with an entry of raw_input_contents.
void AddRawInput(const std::string& name, const std::string& datatype,
                 const std::vector<std::int64_t>& shape,
                 const std::string& elements,
                 ::inference::ModelInferRequest& request);

// A small request for `sdpa`: 2 sequences of 3 tokens, 2 heads of width 4.
::inference::ModelInferRequest SmallInferRequest(const std::string& id = "");

// Says that a tensor with these parameters is in shared memory.
void PutInRegion(
    const std::string& region, std::int64_t bytes, std::int64_t offset,
    google::protobuf::Map<std::string, ::inference::InferParameter>&
        parameters);

// The bytes of small f32 numbers that differ from element to element.
std::string RampBytes(std::int64_t count);

// The bytes of INT64 elements.
std::string Int64Bytes(const std::vector<std::int64_t>& elements);

// `bytes` in slices of 1 to `longest` bytes, drawn from `random`.
grpc::ByteBuffer CutBuffer(const std::string& bytes, std::size_t longest,
                           std::mt19937_64& random);

// Equal for equal messages, also when a map or a NaN is in them.
std::string CanonicalBytes(const google::protobuf::Message& message);

}  // namespace attention

#endif  // TESTS_SUPPORT_INFER_REQUESTS_H_
