// Proves that the slices sent for a response are the message that the generated
// code reads.
#include "server/typed/response_buffer.h"

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "attention/v1/attention.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "gtest/gtest.h"
#include "server/request/convert.h"
#include "tests/support/attend_requests.h"
#include "tests/support/convert_message.h"

namespace attention {
namespace {

// Outputs of two sequences whose bytes are 1, 2, 3, ...
Outputs MakeOutputs(v1::AttnWeights kind, MemoryBudget& budget) {
  v1::AttendRequest request = SmallSdpaRequest();
  request.set_attn_weights(kind);
  auto converted = ConvertMessage(
      request, {.name = "sdpa", .is_sdpa = true},
      {.max_response_bytes = 4096, .max_sequences = 2, .max_tokens = 6},
      budget);
  EXPECT_TRUE(converted.ok()) << converted.status();
  Outputs outputs = std::move(converted->outputs);
  for (OutputTensor* tensor : {&outputs.contexts(), &outputs.attn_weights()}) {
    for (std::int64_t i = 0; i < tensor->bytes; ++i) {
      tensor->data[static_cast<std::size_t>(i)] = static_cast<std::byte>(i + 1);
    }
  }
  return outputs;
}

template <typename Message>
Message Parse(grpc::ByteBuffer buffer) {
  Message message;
  EXPECT_TRUE(
      grpc::SerializationTraits<Message>::Deserialize(&buffer, &message).ok());
  return message;
}

void ExpectTensor(const v1::Tensor& tensor,
                  std::initializer_list<std::int64_t> shape) {
  EXPECT_EQ(tensor.dtype(), v1::DTYPE_F32);
  EXPECT_EQ(
      std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end()),
      std::vector<std::int64_t>(shape));
  std::size_t bytes = 4;
  for (const std::int64_t dim : shape) bytes *= static_cast<std::size_t>(dim);
  ASSERT_EQ(tensor.data().size(), bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    ASSERT_EQ(static_cast<unsigned char>(tensor.data()[i]),
              static_cast<unsigned char>(i + 1));
  }
}

const AttentionTiming kTiming = {.queue = std::chrono::microseconds(12),
                                 .compute = std::chrono::microseconds(345),
                                 .batch_requests = 6,
                                 .batch_tokens = 789};

TEST(ResponseBufferTest, UnaryResponseIsAnAttendResponse) {
  MemoryBudget budget(4096);
  const auto response = Parse<v1::AttendResponse>(MakeResponseBuffer(
      "the id", kTiming, MakeOutputs(v1::ATTN_WEIGHTS_NONE, budget),
      ResponseFraming::kUnary));
  EXPECT_EQ(response.id(), "the id");
  ExpectTensor(response.contexts(), {2, 3, 2, 4});
  EXPECT_FALSE(response.has_attn_weights());
  EXPECT_EQ(response.timing().queue_us(), 12);
  EXPECT_EQ(response.timing().compute_us(), 345);
  EXPECT_EQ(response.timing().batch_requests(), 6);
  EXPECT_EQ(response.timing().batch_tokens(), 789);
}

TEST(ResponseBufferTest, StreamResponseWrapsTheSame) {
  MemoryBudget budget(4096);
  const auto response = Parse<v1::AttendStreamResponse>(MakeResponseBuffer(
      "7", kTiming, MakeOutputs(v1::ATTN_WEIGHTS_PER_HEAD, budget),
      ResponseFraming::kStream));
  EXPECT_EQ(response.response().id(), "7");
  ExpectTensor(response.response().contexts(), {2, 3, 2, 4});
  ExpectTensor(response.response().attn_weights(), {2, 2, 3, 3});
}

TEST(ResponseBufferTest, TheBudgetIsHeldUntilTheBufferGoes) {
  MemoryBudget budget(4096);
  grpc::ByteBuffer buffer = MakeResponseBuffer(
      "7", kTiming, MakeOutputs(v1::ATTN_WEIGHTS_PER_HEAD, budget),
      ResponseFraming::kUnary);
  // Contexts [2, 3, 2, 4] and weights [2, 2, 3, 3] of 4 bytes.
  EXPECT_EQ(budget.used_bytes(), 4 * (48 + 36));
  buffer.Clear();
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST(ResponseBufferTest, StreamErrorKeepsCodeAndMessage) {
  const auto response = Parse<v1::AttendStreamResponse>(
      MakeStreamErrorBuffer("7", absl::NotFoundError("no such model")));
  EXPECT_EQ(response.error().id(), "7");
  EXPECT_EQ(response.error().code(), 5);
  EXPECT_EQ(response.error().message(), "no such model");
}

}  // namespace
}  // namespace attention
