// A request as StartInfer reads it, from its bytes on.
#ifndef TESTS_SERVER_INFERENCE_READ_REQUEST_H_
#define TESTS_SERVER_INFERENCE_READ_REQUEST_H_

#include <cstddef>
#include <random>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/inference/infer_inputs.h"
#include "server/inference/infer_message.h"
#include "tests/support/infer_requests.h"

namespace attention::oip {

inline const ServedName kContextsOnly = {.model = "m"};
inline const ServedName kWithWeights = {.model = "m", .has_weights = true};

// In pieces of at most `longest` bytes.
inline InferMessage MessageOf(const ::inference::ModelInferRequest& request,
                              std::size_t longest = 1 << 20) {
  std::mt19937_64 random(1);
  grpc::ByteBuffer buffer =
      CutBuffer(request.SerializeAsString(), longest, random);
  auto message = ReadInferMessage(&buffer);
  EXPECT_TRUE(message.ok()) << message.status();
  return *std::move(message);
}

inline absl::StatusOr<InferInputs> Read(
    const InferMessage& message, const ServedName& served = kContextsOnly) {
  SharedMemory memory;
  return ReadInferInputs(message, served, ClientRegions(memory, "any", ""));
}

inline ::inference::ModelInferRequest GoodRequest() {
  ::inference::ModelInferRequest request = InferRequest("m");
  AddRawInput("queries", "FP32", {2, 3, 4}, RampBytes(24), request);
  return request;
}

inline ::inference::InferParameter& Parameter(
    ::inference::ModelInferRequest& request, const std::string& name) {
  return (*request.mutable_parameters())[name];
}

}  // namespace attention::oip

#endif  // TESTS_SERVER_INFERENCE_READ_REQUEST_H_
