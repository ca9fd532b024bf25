// Proves what StartInfer answers: outputs as they were asked for, here or in
// shared memory, and errors with the codes that clients of Triton know.
#include "server/inference/infer.h"

#include <cstring>
#include <future>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inference/infer_message.h"
#include "tests/server/inference/catalog.h"
#include "tests/support/infer_requests.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using ::testing::Pointwise;

InferAnswer Infer(const Catalog& catalog, const ModelInferRequest& request,
                  RpcTerms terms = {}) {
  std::mt19937_64 random(1);
  grpc::ByteBuffer buffer = CutBuffer(request.SerializeAsString(), 50, random);
  auto message = ReadInferMessage(&buffer);
  EXPECT_TRUE(message.ok()) << message.status();
  if (terms.arrival == Clock::TimePoint()) terms.arrival = SystemClock().Now();
  if (terms.peer.empty()) terms.peer = "ipv4:127.0.0.1:40000";
  std::promise<InferAnswer> done;
  StartInfer(
      catalog.context(), *std::move(message), terms,
      [&done](InferAnswer answer) { done.set_value(std::move(answer)); });
  return done.get_future().get();
}

// One key, whose value is the answer: [1, 2, 1, 2] queries attend to [1, 1, 1,
// 2] keys.
ModelInferRequest OneKeyRequest(const std::string& model) {
  ModelInferRequest request = InferRequest(model);
  request.set_id("the id");
  AddRawInput("queries", "FP32", {1, 2, 1, 2}, RampBytes(4), request);
  AddRawInput("keys", "FP32", {1, 1, 1, 2}, RampBytes(2), request);
  const float values[] = {3, 4};
  AddRawInput("values", "FP32", {1, 1, 1, 2},
              std::string(reinterpret_cast<const char*>(values), 8), request);
  return request;
}

std::vector<float> FloatsOf(const OutputTensor& tensor) {
  std::vector<float> floats(static_cast<std::size_t>(tensor.bytes) / 4);
  std::memcpy(floats.data(), tensor.data.get(),
              static_cast<std::size_t>(tensor.bytes));
  return floats;
}

// Weights add up to one but for a unit in the last place.
void ExpectFloats(const OutputTensor& tensor,
                  const std::vector<float>& expected) {
  EXPECT_THAT(FloatsOf(tensor), Pointwise(FloatEq(), expected));
}

std::vector<std::int64_t> ShapeOf(
    const ::inference::ModelInferResponse_InferOutputTensor& output) {
  return {output.shape().begin(), output.shape().end()};
}

TEST(InferTest, AnAnswerHasEverythingThatAClientReads) {
  const Catalog catalog;
  const InferAnswer answer = Infer(catalog, OneKeyRequest("sdpa@weights"));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.header.model_name(), "sdpa@weights");
  EXPECT_EQ(answer.header.model_version(), "1");
  EXPECT_EQ(answer.header.id(), "the id");
  EXPECT_GE(answer.header.parameters().at("queue_us").int64_param(), 0);
  EXPECT_GE(answer.header.parameters().at("compute_us").int64_param(), 0);
  ASSERT_EQ(answer.header.outputs_size(), 2);
  ASSERT_EQ(answer.raw.size(), 2U);
  EXPECT_EQ(answer.header.outputs(0).name(), "contexts");
  EXPECT_EQ(answer.header.outputs(0).datatype(), "FP32");
  EXPECT_THAT(ShapeOf(answer.header.outputs(0)), ElementsAre(1, 2, 1, 2));
  ExpectFloats(answer.raw[0], {3, 4, 3, 4});
  EXPECT_EQ(answer.header.outputs(1).name(), "attn_weights");
  EXPECT_THAT(ShapeOf(answer.header.outputs(1)), ElementsAre(1, 1, 2, 1));
  ExpectFloats(answer.raw[1], {1, 1});
}

TEST(InferTest, OutputsComeInTheOrderOfTheRequest) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa@weights");
  request.add_outputs()->set_name("attn_weights");
  request.add_outputs()->set_name("contexts");
  const InferAnswer answer = Infer(catalog, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.header.outputs(0).name(), "attn_weights");
  ExpectFloats(answer.raw[0], {1, 1});
  EXPECT_EQ(answer.header.outputs(1).name(), "contexts");
  ExpectFloats(answer.raw[1], {3, 4, 3, 4});
}

// Packed queries of lengths 1 and 2 that attend to two and one of the keys.
ModelInferRequest PackedRequest(const std::vector<std::int64_t>& shape) {
  ModelInferRequest request = InferRequest("sdpa@weights");
  for (const char* name : {"queries", "keys", "values"}) {
    AddRawInput(name, "FP32", shape, RampBytes(6), request);
  }
  auto& parameters = *request.mutable_parameters();
  parameters["q_lengths"].set_string_param("1,2");
  parameters["kv_lengths"].set_string_param("2,1");
  return request;
}

TEST(InferTest, PackedSequencesMayComeAsABatchOfOne) {
  const Catalog catalog;
  const InferAnswer packed = Infer(catalog, PackedRequest({3, 1, 2}));
  ASSERT_TRUE(packed.status.ok()) << packed.status;
  EXPECT_THAT(ShapeOf(packed.header.outputs(0)), ElementsAre(3, 1, 2));
  EXPECT_THAT(ShapeOf(packed.header.outputs(1)), ElementsAre(4));

  const InferAnswer in_batch = Infer(catalog, PackedRequest({1, 3, 1, 2}));
  ASSERT_TRUE(in_batch.status.ok()) << in_batch.status;
  EXPECT_THAT(ShapeOf(in_batch.header.outputs(0)), ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(ShapeOf(in_batch.header.outputs(1)), ElementsAre(1, 4));
  EXPECT_EQ(FloatsOf(in_batch.raw[0]), FloatsOf(packed.raw[0]));
  EXPECT_EQ(FloatsOf(in_batch.raw[1]), FloatsOf(packed.raw[1]));
}

TEST(InferTest, ABatchOfOneWithOneLengthIsPadded) {
  const Catalog catalog;
  ModelInferRequest request = PackedRequest({1, 3, 1, 2});
  (*request.mutable_parameters())["q_lengths"].set_string_param("2");
  (*request.mutable_parameters())["kv_lengths"].set_string_param("1");
  const InferAnswer answer = Infer(catalog, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(ShapeOf(answer.header.outputs(1)), ElementsAre(1, 1, 3, 3));
}

TEST(InferTest, LengthsOfABatchOfOneHaveToFit) {
  const Catalog catalog;
  ModelInferRequest request = PackedRequest({1, 3, 1, 2});
  (*request.mutable_parameters())["q_lengths"].set_string_param("2,2");
  const InferAnswer answer = Infer(catalog, request);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status.message()),
              HasSubstr("q_lengths: lengths add up to 4, the tensor holds 3 "
                        "tokens"));
}

TEST(InferTest, OneOutputOfTwo) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa@weights");
  request.add_outputs()->set_name("attn_weights");
  const InferAnswer answer = Infer(catalog, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ASSERT_EQ(answer.raw.size(), 1U);
  ExpectFloats(answer.raw[0], {1, 1});
}

TEST(InferTest, OutputsTakeTheTypeThatIsAskedFor) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  (*request.mutable_parameters())["output_dtype"].set_string_param("BF16");
  const InferAnswer answer = Infer(catalog, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.header.outputs(0).datatype(), "BF16");
  // 3 and 4 are 0x4040 and 0x4080.
  ASSERT_EQ(answer.raw[0].bytes, 8);
  EXPECT_EQ(std::memcmp(answer.raw[0].data.get(), "\x40\x40\x80\x40", 4), 0);
}

class SharedInferTest : public ::testing::Test {
 protected:
  SharedInferTest() {
    EXPECT_TRUE(
        catalog_.context()
            .shared_memory
            .Register({.name = "r", .key = object_.key(), .byte_size = 8192})
            .ok());
  }

  static void AskForContexts(std::int64_t bytes, std::int64_t offset,
                             ModelInferRequest& request) {
    auto& output = *request.add_outputs();
    output.set_name("contexts");
    PutInRegion("r", bytes, offset, *output.mutable_parameters());
  }

  const Catalog catalog_;
  const ShmObject object_{8192};
};

TEST_F(SharedInferTest, AnOutputIsWrittenWhereTheClientWantsIt) {
  ModelInferRequest request = OneKeyRequest("sdpa@weights");
  AskForContexts(100, 4096, request);
  request.add_outputs()->set_name("attn_weights");

  const InferAnswer answer = Infer(catalog_, request);

  ASSERT_TRUE(answer.status.ok()) << answer.status;
  std::vector<float> written(4);
  std::memcpy(written.data(), object_.data() + 4096, 16);
  EXPECT_THAT(written, Pointwise(FloatEq(), std::vector<float>{3, 4, 3, 4}));
  const auto& output = answer.header.outputs(0);
  EXPECT_THAT(ShapeOf(output), ElementsAre(1, 2, 1, 2));
  const auto& parameters = output.parameters();
  EXPECT_EQ(parameters.at("shared_memory_region").string_param(), "r");
  EXPECT_EQ(parameters.at("shared_memory_byte_size").int64_param(), 16);
  EXPECT_EQ(parameters.at("shared_memory_offset").int64_param(), 4096);
  ASSERT_EQ(answer.raw.size(), 2U);
  EXPECT_EQ(answer.raw[0].bytes, 0);
  EXPECT_EQ(answer.raw[0].data, nullptr);
  ExpectFloats(answer.raw[1], {1, 1});
}

TEST_F(SharedInferTest, AnInputIsReadWhereTheClientHasIt) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  const float values[] = {-5, 6};
  std::memcpy(object_.data() + 16, values, 8);
  request.mutable_raw_input_contents()->RemoveLast();
  PutInRegion("r", 8, 16, *request.mutable_inputs(2)->mutable_parameters());
  const InferAnswer answer = Infer(catalog_, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ExpectFloats(answer.raw[0], {-5, 6, -5, 6});
}

TEST_F(SharedInferTest, ClientsElsewhereUseNone) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  AskForContexts(16, 0, request);
  const RpcTerms terms = {.peer = "ipv4:10.0.0.1:40000"};
  const absl::Status refused = Infer(catalog_, request, terms).status;
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  // Nor can they tell what is registered, or how large it is.
  auto& parameters = *request.mutable_outputs(0)->mutable_parameters();
  PutInRegion("r", 10'000, 0, parameters);
  EXPECT_EQ(Infer(catalog_, request, terms).status, refused);
  PutInRegion("nobody", 16, 0, parameters);
  EXPECT_EQ(Infer(catalog_, request, terms).status, refused);
  EXPECT_TRUE(Infer(catalog_, OneKeyRequest("sdpa"), terms).status.ok());
}

TEST_F(SharedInferTest, MemoryThatIsTooSmallForAnOutputIsRefused) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  AskForContexts(12, 0, request);
  const InferAnswer answer = Infer(catalog_, request);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status.message()),
              HasSubstr("contexts: [1, 2, 1, 2] of F32 takes 16 bytes, the "
                        "shared memory for it has 12"));
}

TEST_F(SharedInferTest, AnOutputAtAnOddAddressIsRefused) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  AskForContexts(16, 3, request);
  const InferAnswer answer = Infer(catalog_, request);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status.message()),
              HasSubstr("contexts: shared_memory_offset 3 puts it at an odd "
                        "address"));
}

TEST_F(SharedInferTest, AnOutputOverAnotherIsRefused) {
  ModelInferRequest request = OneKeyRequest("sdpa@weights");
  AskForContexts(16, 4096, request);
  auto& weights = *request.add_outputs();
  weights.set_name("attn_weights");
  // The weights take 8 bytes, the room for them is what counts.
  for (const std::int64_t offset : {4096, 4064, 4111}) {
    PutInRegion("r", 64, offset, *weights.mutable_parameters());
    const InferAnswer answer = Infer(catalog_, request);
    EXPECT_EQ(answer.status,
              absl::InvalidArgumentError(absl::StrCat(
                  "attn_weights: takes bytes [", offset, ", ", offset + 64,
                  ") of shared memory region \"r\", where contexts has [4096, "
                  "4112); give the output bytes of its own")));
  }
  for (const std::int64_t offset : {4112, 4032}) {
    PutInRegion("r", 64, offset, *weights.mutable_parameters());
    EXPECT_TRUE(Infer(catalog_, request).status.ok()) << offset;
  }
}

TEST_F(SharedInferTest, AnOutputOverAnInputIsRefused) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  request.mutable_raw_input_contents()->RemoveLast();
  PutInRegion("r", 8, 24, *request.mutable_inputs(2)->mutable_parameters());
  AskForContexts(16, 16, request);
  EXPECT_EQ(Infer(catalog_, request).status,
            absl::InvalidArgumentError(
                "contexts: takes bytes [16, 32) of shared memory region \"r\", "
                "where values has [24, 32); give the output bytes of its own"));
  request.clear_outputs();
  AskForContexts(16, 8, request);
  EXPECT_TRUE(Infer(catalog_, request).status.ok());
}

TEST_F(SharedInferTest, PlacesInTwoRegionsAreNotCompared) {
  const ShmObject object(64);
  ASSERT_TRUE(catalog_.context()
                  .shared_memory
                  .Register({.name = "s", .key = object.key(), .byte_size = 64})
                  .ok());
  ModelInferRequest request = OneKeyRequest("sdpa@weights");
  AskForContexts(16, 0, request);
  auto& weights = *request.add_outputs();
  weights.set_name("attn_weights");
  PutInRegion("s", 8, 0, *weights.mutable_parameters());
  EXPECT_TRUE(Infer(catalog_, request).status.ok());
}

TEST_F(SharedInferTest, MemoryThatTheClientTookAwayIsAnError) {
  ModelInferRequest request = OneKeyRequest("sdpa");
  AskForContexts(16, 4096, request);
  object_.Resize(4096);
  const InferAnswer answer = Infer(catalog_, request);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status.message()), HasSubstr("shrunk"));
  EXPECT_EQ(answer.header.id(), "the id");
  EXPECT_TRUE(answer.raw.empty());
}

TEST(InferTest, AnErrorHasTheIdAndNothingElse) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("nobody");
  const InferAnswer answer = Infer(catalog, request);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(answer.header.id(), "the id");
  EXPECT_EQ(answer.header.outputs_size(), 0);
  EXPECT_TRUE(answer.raw.empty());
}

TEST(InferTest, WhatIsRefusedHasTakenItsTime) {
  Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  request.add_outputs()->set_name("nothing");
  const RpcTerms terms = {.arrival =
                              SystemClock().Now() - std::chrono::seconds(2)};
  ASSERT_FALSE(Infer(catalog, request, terms).status.ok());
  const CountedTime fail = catalog.statistics().Of("sdpa").fail;
  EXPECT_EQ(fail.count, 1);
  EXPECT_GE(fail.time, std::chrono::seconds(2));
  EXPECT_LT(fail.time, std::chrono::hours(1));
}

TEST(InferTest, ATimeoutThatHasPassedIsUnavailable) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  (*request.mutable_parameters())["timeout"].set_int64_param(1);
  const Clock::TimePoint now = SystemClock().Now();
  const RpcTerms terms = {.arrival = now - std::chrono::milliseconds(1),
                          .deadline = now + std::chrono::hours(1)};
  const InferAnswer answer = Infer(catalog, request, terms);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answer.status.message()),
              HasSubstr("Request timeout expired: it was not done within its "
                        "timeout of 1 microseconds"));
}

TEST(InferTest, ATimeoutThatHasNotPassedDoesNothing) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  (*request.mutable_parameters())["timeout"].set_int64_param(3'600'000'000);
  EXPECT_TRUE(Infer(catalog, request).status.ok());
}

TEST(InferTest, ADeadlineThatHasPassedIsDeadlineExceeded) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  (*request.mutable_parameters())["timeout"].set_int64_param(3'600'000'000);
  const RpcTerms terms = {.deadline = SystemClock().Now()};
  EXPECT_EQ(Infer(catalog, request, terms).status.code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(InferTest, MemoryThatIsInUseIsUnavailable) {
  ServerOptions options;
  options.max_inflight_bytes = 64;
  const Catalog catalog(options);
  const InferAnswer answer = Infer(catalog, OneKeyRequest("sdpa"));
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answer.status.message()),
              HasSubstr("--max-inflight-bytes"));
}

TEST(InferTest, APriorityThatThereIsNotIsRefused) {
  const Catalog catalog;
  ModelInferRequest request = OneKeyRequest("sdpa");
  (*request.mutable_parameters())["priority"].set_uint64_param(6);
  EXPECT_EQ(Infer(catalog, request).status.code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attention::oip
