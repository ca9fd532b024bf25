// Proves that each way to send tensors, outputs and parameters is read.
#include "server/inference/infer_inputs.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/read_request.h"
#include "tests/support/infer_requests.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;
using ::testing::ElementsAre;

std::string BytesAt(const InputTensor& tensor) {
  std::string bytes(static_cast<std::size_t>(tensor.bytes), '\0');
  if (tensor.view.fragments != nullptr) {
    tensor.view.fragments->Copy(0, tensor.bytes,
                                reinterpret_cast<std::byte*>(bytes.data()));
  } else {
    std::memcpy(bytes.data(), tensor.view.data, bytes.size());
  }
  return bytes;
}

TEST(InferInputsTest, RawEntriesBelongToTheInputsInTheirOrder) {
  ModelInferRequest request = InferRequest("m");
  AddRawInput("values", "BF16", {1, 2}, "vvvv", request);
  AddRawInput("queries", "FP32", {1, 1}, "qqqq", request);
  AddRawInput("keys", "FP16", {1, 3}, "kkkkkk", request);
  AddRawInput("attn_mask", "BOOL", {3}, "mmm", request);
  request.set_id("7");
  const InferMessage message = MessageOf(request);

  const auto read = Read(message);

  ASSERT_TRUE(read.ok()) << read.status();
  const RequestInputs& inputs = read->inputs;
  EXPECT_EQ(inputs.id, "7");
  EXPECT_EQ(inputs.queries->view.dtype, DType::kF32);
  EXPECT_EQ(inputs.queries->view.shape, (Shape{1, 1}));
  EXPECT_EQ(BytesAt(*inputs.queries), "qqqq");
  EXPECT_EQ(inputs.keys->view.dtype, DType::kF16);
  EXPECT_EQ(BytesAt(*inputs.keys), "kkkkkk");
  EXPECT_EQ(inputs.values->view.dtype, DType::kBF16);
  EXPECT_EQ(BytesAt(*inputs.values), "vvvv");
  EXPECT_EQ(inputs.attn_mask->view.dtype, DType::kBool);
  EXPECT_EQ(BytesAt(*inputs.attn_mask), "mmm");
  EXPECT_EQ(inputs.attn_weights, AttnWeights::kNone);
  EXPECT_FALSE(inputs.scale.has_value());
  EXPECT_FALSE(inputs.contexts_place.has_value());
}

TEST(InferInputsTest, TensorsAreReadWhereTheyArrived) {
  const InferMessage message = MessageOf(GoodRequest());
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->inputs.queries->view.data, message.raw[0].data);

  const InferMessage in_pieces = MessageOf(GoodRequest(), 10);
  const auto read_pieces = Read(in_pieces);
  ASSERT_TRUE(read_pieces.ok()) << read_pieces.status();
  EXPECT_EQ(read_pieces->inputs.queries->view.fragments,
            in_pieces.raw[0].fragments.get());
  EXPECT_EQ(read_pieces->inputs.queries->view.data, nullptr);
}

TEST(InferInputsTest, TypedContentsAreReadInPlace) {
  ModelInferRequest request = InferRequest("m");
  auto& queries = AddInput("queries", "FP32", {1, 2}, request);
  queries.mutable_contents()->add_fp32_contents(0.5F);
  queries.mutable_contents()->add_fp32_contents(-2.0F);
  auto& mask = AddInput("attn_mask", "BOOL", {2}, request);
  mask.mutable_contents()->add_bool_contents(true);
  mask.mutable_contents()->add_bool_contents(false);
  auto& q_lengths = AddInput("q_lengths", "INT64", {1}, request);
  q_lengths.mutable_contents()->add_int64_contents(5);
  auto& kv_lengths = AddInput("kv_lengths", "INT32", {1}, request);
  kv_lengths.mutable_contents()->add_int_contents(-6);
  const InferMessage message = MessageOf(request);

  const auto read = Read(message);

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(static_cast<const void*>(read->inputs.queries->view.data),
            message.header.inputs(0).contents().fp32_contents().data());
  EXPECT_EQ(read->inputs.queries->bytes, 8);
  EXPECT_EQ(BytesAt(*read->inputs.attn_mask), std::string("\1\0", 2));
  EXPECT_THAT(read->inputs.q_lengths, ElementsAre(5));
  EXPECT_THAT(read->inputs.kv_lengths, ElementsAre(-6));
}

TEST(InferInputsTest, LengthsAreATensorInAnyPieces) {
  ModelInferRequest request = GoodRequest();
  AddRawInput("q_lengths", "INT64", {2}, Int64Bytes({3, -1}), request);
  AddRawInput("kv_lengths", "INT32", {2}, std::string("\1\0\0\0\2\0\0\0", 8),
              request);
  for (const std::size_t longest : {std::size_t{5}, std::size_t{1} << 20}) {
    const auto read = Read(MessageOf(request, longest));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_THAT(read->inputs.q_lengths, ElementsAre(3, -1));
    EXPECT_THAT(read->inputs.kv_lengths, ElementsAre(1, 2));
  }
}

TEST(InferInputsTest, ParametersSetTheOptions) {
  ModelInferRequest request = GoodRequest();
  Parameter(request, "is_causal").set_bool_param(true);
  Parameter(request, "scale").set_double_param(0.25);
  Parameter(request, "residual").set_bool_param(true);
  Parameter(request, "output_dtype").set_string_param("BF16");
  Parameter(request, "compute_dtype").set_string_param("FP32");
  Parameter(request, "attn_weights").set_string_param("head_average");
  Parameter(request, "q_lengths").set_string_param("3, 2");
  Parameter(request, "kv_lengths").set_string_param("7");
  Parameter(request, "priority").set_uint64_param(2);
  Parameter(request, "timeout").set_int64_param(1500);
  Parameter(request, "triton_enable_empty_final_response").set_bool_param(true);
  Parameter(request, "sequence_id").set_int64_param(-1);
  Parameter(request, "unknown");

  const auto read = Read(MessageOf(request), kWithWeights);

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->inputs.is_causal);
  EXPECT_EQ(read->inputs.scale, 0.25);
  EXPECT_TRUE(read->inputs.residual);
  EXPECT_EQ(read->inputs.output_dtype, DType::kBF16);
  EXPECT_EQ(read->inputs.compute_dtype, DType::kF32);
  EXPECT_EQ(read->inputs.attn_weights, AttnWeights::kHeadAverage);
  EXPECT_THAT(read->inputs.q_lengths, ElementsAre(3, 2));
  EXPECT_THAT(read->inputs.kv_lengths, ElementsAre(7));
  EXPECT_EQ(read->priority, 2U);
  EXPECT_EQ(read->timeout, std::chrono::microseconds(1500));
}

TEST(InferInputsTest, WholeNumbersMayHaveEitherSignOnTheWire) {
  ModelInferRequest request = GoodRequest();
  Parameter(request, "scale").set_int64_param(-2);
  Parameter(request, "priority").set_int64_param(4);
  Parameter(request, "timeout").set_uint64_param(9);
  const auto read = Read(MessageOf(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->inputs.scale, -2.0);
  EXPECT_EQ(read->priority, 4U);
  EXPECT_EQ(read->timeout, std::chrono::microseconds(9));
}

TEST(InferInputsTest, AFractionMayBeText) {
  ModelInferRequest request = GoodRequest();
  Parameter(request, "scale").set_string_param("0.25");
  const auto read = Read(MessageOf(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->inputs.scale, 0.25);
}

TEST(InferInputsTest, ATimeoutOfAgesIsNone) {
  ModelInferRequest request = GoodRequest();
  Parameter(request, "timeout")
      .set_uint64_param(std::numeric_limits<std::uint64_t>::max());
  const auto read = Read(MessageOf(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->timeout.count(), 0);
}

std::vector<std::string> NamesOf(const std::vector<InferOutput>& outputs) {
  std::vector<std::string> names;
  for (const InferOutput& output : outputs) names.push_back(output.name());
  return names;
}

TEST(InferInputsTest, WithoutOutputsTheAnswerHasAllThatTheModelHas) {
  const InferMessage message = MessageOf(GoodRequest());
  const auto contexts_only = Read(message);
  ASSERT_TRUE(contexts_only.ok());
  EXPECT_THAT(NamesOf(contexts_only->outputs), ElementsAre("contexts"));
  EXPECT_EQ(contexts_only->inputs.attn_weights, AttnWeights::kNone);
  const auto with_weights = Read(message, kWithWeights);
  ASSERT_TRUE(with_weights.ok());
  EXPECT_THAT(NamesOf(with_weights->outputs),
              ElementsAre("contexts", "attn_weights"));
  EXPECT_EQ(with_weights->inputs.attn_weights, AttnWeights::kPerHead);
}

TEST(InferInputsTest, OutputsComeInTheOrderOfTheRequest) {
  ModelInferRequest request = GoodRequest();
  request.add_outputs()->set_name("attn_weights");
  request.add_outputs()->set_name("contexts");
  const auto read = Read(MessageOf(request), kWithWeights);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(NamesOf(read->outputs), ElementsAre("attn_weights", "contexts"));
}

TEST(InferInputsTest, WeightsThatNobodyAsksForAreNotComputed) {
  ModelInferRequest request = GoodRequest();
  request.add_outputs()->set_name("contexts");
  const auto read = Read(MessageOf(request), kWithWeights);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(NamesOf(read->outputs), ElementsAre("contexts"));
  EXPECT_EQ(read->inputs.attn_weights, AttnWeights::kNone);
}

// Raw entries are for the inputs that are not in shared memory.
TEST(InferInputsTest, TensorsInSharedMemoryTakeNoRawEntry) {
  const ShmObject object(4096);
  SharedMemory memory;
  ASSERT_TRUE(memory
                  .Register({.name = "r",
                             .key = object.key(),
                             .offset = 0,
                             .byte_size = 4096})
                  .ok());
  ModelInferRequest request = InferRequest("m");
  PutInRegion(
      "r", 8, 0,
      *AddInput("queries", "FP32", {1, 2}, request).mutable_parameters());
  AddRawInput("attn_mask", "BOOL", {2}, "mm", request);
  auto& contexts = *request.add_outputs();
  contexts.set_name("contexts");
  PutInRegion("r", 64, 128, *contexts.mutable_parameters());
  const InferMessage message = MessageOf(request);

  const auto read =
      ReadInferInputs(message, kContextsOnly, ClientRegions(memory, "any", ""));

  ASSERT_TRUE(read.ok()) << read.status();
  std::memcpy(object.data(), "01234567", 8);
  EXPECT_EQ(BytesAt(*read->inputs.queries), "01234567");
  EXPECT_EQ(BytesAt(*read->inputs.attn_mask), "mm");
  ASSERT_TRUE(read->inputs.contexts_place.has_value());
  EXPECT_EQ(read->inputs.contexts_place->bytes, 64);
  EXPECT_EQ(read->inputs.contexts_place->data.get(),
            read->inputs.queries->view.data + 128);
  EXPECT_EQ(read->regions.size(), 2U);
  EXPECT_EQ(read->outputs[0].place->offset, 128U);
}

}  // namespace
}  // namespace attention::oip
