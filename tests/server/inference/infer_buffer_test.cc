// Proves that the slices sent for an answer are the message that the generated
// code reads, and that tensors are sent from the memory they were computed in.
#include "server/inference/infer_buffer.h"

#include <string>
#include <utility>
#include <vector>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.pb.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;

constexpr std::int64_t kBytes = 1 << 16;

OutputTensor MakeTensor(std::int64_t bytes, int first) {
  OutputTensor tensor;
  tensor.bytes = bytes;
  tensor.data = std::make_shared_for_overwrite<std::byte[]>(
      static_cast<std::size_t>(bytes));
  for (std::int64_t i = 0; i < bytes; ++i) {
    tensor.data[i] = static_cast<std::byte>(first + i);
  }
  return tensor;
}

std::string BytesOf(const OutputTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data.get()),
          static_cast<std::size_t>(tensor.bytes)};
}

// Two tensors in the answer and, between them, one in shared memory.
InferAnswer MakeAnswer() {
  InferAnswer answer;
  answer.header.set_model_name("m@weights");
  answer.header.set_model_version("1");
  answer.header.set_id("the id");
  (*answer.header.mutable_parameters())["queue_us"].set_int64_param(12);
  for (const char* name : {"a", "b", "c"}) {
    auto& output = *answer.header.add_outputs();
    output.set_name(name);
    output.add_shape(kBytes);
  }
  answer.raw.push_back(MakeTensor(kBytes, 1));
  answer.raw.emplace_back();
  answer.raw.push_back(MakeTensor(3, 7));
  return answer;
}

template <typename Message>
Message Parse(grpc::ByteBuffer buffer) {
  Message message;
  EXPECT_TRUE(
      grpc::SerializationTraits<Message>::Deserialize(&buffer, &message).ok());
  return message;
}

void ExpectResponse(const ModelInferResponse& response,
                    const InferAnswer& answer) {
  EXPECT_EQ(response.model_name(), "m@weights");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "the id");
  EXPECT_EQ(response.parameters().at("queue_us").int64_param(), 12);
  ASSERT_EQ(response.outputs_size(), 3);
  EXPECT_EQ(response.outputs(2).name(), "c");
  ASSERT_EQ(response.raw_output_contents_size(), 3);
  EXPECT_EQ(response.raw_output_contents(0), BytesOf(answer.raw[0]));
  EXPECT_EQ(response.raw_output_contents(1), "");
  EXPECT_EQ(response.raw_output_contents(2), BytesOf(answer.raw[2]));
}

TEST(InferBufferTest, AUnaryAnswerIsAModelInferResponse) {
  const InferAnswer answer = MakeAnswer();
  const auto response = Parse<ModelInferResponse>(MakeInferBuffer(answer));
  ExpectResponse(response, answer);
  EXPECT_FALSE(response.parameters().contains("triton_final_response"));
}

TEST(InferBufferTest, AStreamAnswerWrapsTheSame) {
  const InferAnswer answer = MakeAnswer();
  const auto response =
      Parse<ModelStreamInferResponse>(MakeStreamInferBuffer(answer));
  EXPECT_EQ(response.error_message(), "");
  ExpectResponse(response.infer_response(), answer);
  // Clients that take several answers to a request wait for this one.
  EXPECT_TRUE(response.infer_response()
                  .parameters()
                  .at("triton_final_response")
                  .bool_param());
}

TEST(InferBufferTest, AStreamErrorHasItsMessageAndTheId) {
  InferAnswer answer;
  answer.status = absl::NotFoundError("no such model");
  answer.header.set_id("7");
  const auto response =
      Parse<ModelStreamInferResponse>(MakeStreamInferBuffer(std::move(answer)));
  EXPECT_EQ(response.error_message(), "no such model");
  EXPECT_EQ(response.infer_response().id(), "7");
  EXPECT_EQ(response.infer_response().outputs_size(), 0);
}

TEST(InferBufferTest, TensorsAreSentWhereTheyAre) {
  const InferAnswer answer = MakeAnswer();
  for (const grpc::ByteBuffer& buffer :
       {MakeInferBuffer(answer), MakeStreamInferBuffer(answer)}) {
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    int found = 0;
    for (const grpc::Slice& slice : slices) {
      if (static_cast<const void*>(slice.begin()) ==
          static_cast<const void*>(answer.raw[0].data.get())) {
        EXPECT_EQ(slice.size(), static_cast<std::size_t>(kBytes));
        ++found;
      }
    }
    EXPECT_EQ(found, 1);
  }
}

TEST(InferBufferTest, TheMemoryAndTheBudgetAreHeldUntilTheBufferGoes) {
  MemoryBudget budget(100);
  InferAnswer answer = MakeAnswer();
  answer.reservation = *budget.Reserve(100);
  const std::weak_ptr<std::byte[]> memory = answer.raw[0].data;

  grpc::ByteBuffer buffer = MakeInferBuffer(answer);
  answer = {};

  EXPECT_FALSE(memory.expired());
  EXPECT_EQ(budget.used_bytes(), 100);
  buffer.Clear();
  EXPECT_TRUE(memory.expired());
  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace attention::oip
