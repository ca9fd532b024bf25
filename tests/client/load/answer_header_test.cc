// Headers are read from answers as protobuf itself writes them, from any number
// of slices, and no bytes at all make the reader stumble.
#include "client/load/answer_header.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "attention/v1/attention.pb.h"
#include "inference/grpc_service.pb.h"

namespace attention::load {
namespace {

v1::AttendResponse Response() {
  v1::AttendResponse response;
  response.set_id("request 7");
  response.mutable_contexts()->add_shape(2);
  response.mutable_contexts()->add_shape(3);
  response.mutable_contexts()->set_data(std::string(24, 'c'));
  response.mutable_attn_weights()->set_data(std::string(1000, 'w'));
  response.mutable_timing()->set_queue_us(1234);
  response.mutable_timing()->set_compute_us(56'789);
  response.mutable_timing()->set_batch_requests(3);
  return response;
}

// In slices of at most `size` bytes.
grpc::ByteBuffer Sliced(const std::string& bytes, std::size_t size) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    slices.emplace_back(bytes.substr(at, size));
  }
  return {slices.data(), slices.size()};
}

TEST(AnswerHeaderTest, ReadsAResponseHoweverItIsSliced) {
  const std::string bytes = Response().SerializeAsString();
  for (const std::size_t size : {1UL, 7UL, 100UL, bytes.size()}) {
    grpc::ByteBuffer buffer = Sliced(bytes, size);
    const auto answer = ReadAttendResponse(buffer);
    ASSERT_TRUE(answer.has_value()) << size;
    EXPECT_EQ(answer->id, "request 7");
    EXPECT_EQ(answer->contexts_bytes, 24);
    EXPECT_EQ(answer->queue, std::chrono::microseconds(1234));
    EXPECT_EQ(answer->compute, std::chrono::microseconds(56'789));
    EXPECT_EQ(buffer.Length(), bytes.size()) << "the bytes are still there";
  }
}

TEST(AnswerHeaderTest, ReadsBothAnswersOfAStream) {
  v1::AttendStreamResponse good;
  *good.mutable_response() = Response();
  grpc::ByteBuffer buffer = Sliced(good.SerializeAsString(), 64);
  auto answer = ReadAttendStreamResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error_code, 0);
  EXPECT_EQ(answer->id, "request 7");
  EXPECT_EQ(answer->contexts_bytes, 24);

  v1::AttendStreamResponse bad;
  bad.mutable_error()->set_id("8");
  bad.mutable_error()->set_code(8);
  bad.mutable_error()->set_message("the queue is full");
  buffer = Sliced(bad.SerializeAsString(), 64);
  answer = ReadAttendStreamResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id, "8");
  EXPECT_EQ(answer->error_code, 8);
  EXPECT_EQ(answer->error_message, "the queue is full");
}

// With the weights first, as a request may name its outputs.
::inference::ModelInferResponse InferResponse() {
  ::inference::ModelInferResponse response;
  response.set_model_name("minilm/0@weights");
  response.set_id("request 7");
  auto& parameters = *response.mutable_parameters();
  parameters["queue_us"].set_int64_param(1234);
  parameters["compute_us"].set_int64_param(56'789);
  parameters["triton_final_response"].set_bool_param(true);
  for (const char* name : {"attn_weights", "contexts"}) {
    auto* output = response.add_outputs();
    output->set_name(name);
    output->add_shape(2);
    (*output->mutable_parameters())["queue_us"].set_int64_param(1);
  }
  response.add_raw_output_contents(std::string(1000, 'w'));
  response.add_raw_output_contents(std::string(24, 'c'));
  return response;
}

TEST(AnswerHeaderTest, ReadsAnInferResponseHoweverItIsSliced) {
  const std::string bytes = InferResponse().SerializeAsString();
  for (const std::size_t size : {1UL, 7UL, 100UL, bytes.size()}) {
    grpc::ByteBuffer buffer = Sliced(bytes, size);
    const auto answer = ReadInferResponse(buffer);
    ASSERT_TRUE(answer.has_value()) << size;
    EXPECT_EQ(answer->id, "request 7");
    EXPECT_EQ(answer->contexts_bytes, 24);
    EXPECT_EQ(answer->queue, std::chrono::microseconds(1234));
    EXPECT_EQ(answer->compute, std::chrono::microseconds(56'789));
    EXPECT_EQ(buffer.Length(), bytes.size()) << "the bytes are still there";
  }
}

TEST(AnswerHeaderTest, AnInferResponseMayHaveNoContexts) {
  ::inference::ModelInferResponse response = InferResponse();
  response.mutable_raw_output_contents()->RemoveLast();
  grpc::ByteBuffer buffer = Sliced(response.SerializeAsString(), 64);
  auto answer = ReadInferResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->contexts_bytes, 0) << "an output without its bytes";

  response = InferResponse();
  response.mutable_outputs(1)->set_name("embeddings");
  buffer = Sliced(response.SerializeAsString(), 64);
  answer = ReadInferResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->contexts_bytes, 0) << "another output";
}

TEST(AnswerHeaderTest, ReadsBothAnswersOfAnInferStream) {
  ::inference::ModelStreamInferResponse good;
  *good.mutable_infer_response() = InferResponse();
  grpc::ByteBuffer buffer = Sliced(good.SerializeAsString(), 64);
  auto answer = ReadInferStreamResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->is_error);
  EXPECT_EQ(answer->id, "request 7");
  EXPECT_EQ(answer->contexts_bytes, 24);

  ::inference::ModelStreamInferResponse bad;
  bad.set_error_message("the queue is full");
  bad.mutable_infer_response()->set_id("8");
  buffer = Sliced(bad.SerializeAsString(), 64);
  answer = ReadInferStreamResponse(buffer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->is_error);
  EXPECT_EQ(answer->error_code, kNoCode);
  EXPECT_EQ(answer->id, "8");
  EXPECT_EQ(answer->error_message, "the queue is full");
}

TEST(AnswerHeaderTest, AMessageThatIsCutOffIsNone) {
  const std::string bytes = Response().SerializeAsString();
  // Between two fields a shorter message is one, too.
  int broken = 0;
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    grpc::ByteBuffer buffer = Sliced(bytes.substr(0, length), 16);
    if (!ReadAttendResponse(buffer).has_value()) ++broken;
  }
  EXPECT_EQ(broken, static_cast<int>(bytes.size()) - 1 - 3);
}

TEST(AnswerHeaderTest, AnyBytesAreReadOrRefused) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = Response().SerializeAsString();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    grpc::ByteBuffer buffer = Sliced(bytes, 1 + random() % bytes.size());
    v1::AttendResponse parsed;
    const auto answer = ReadAttendResponse(buffer);
    if (parsed.ParseFromString(bytes) && answer.has_value()) {
      EXPECT_EQ(answer->id, parsed.id());
      EXPECT_EQ(answer->queue.count(), parsed.timing().queue_us());
    }
  }
}

TEST(AnswerHeaderTest, AnyBytesAreAnInferResponseOrRefused) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = InferResponse().SerializeAsString();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    grpc::ByteBuffer buffer = Sliced(bytes, 1 + random() % bytes.size());
    ::inference::ModelInferResponse parsed;
    const auto answer = ReadInferResponse(buffer);
    if (parsed.ParseFromString(bytes) && answer.has_value()) {
      EXPECT_EQ(answer->id, parsed.id());
    }
  }
}

}  // namespace
}  // namespace attention::load
