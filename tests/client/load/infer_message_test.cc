// Proves that a call of the Open Inference Protocol is, to the generated class,
// what the protocol's README says, that its tensors are sent from where they
// lie, and that answers become results or are refused for what is broken.
#include "client/load/infer_message.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention::load {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Bytes(const std::vector<MessagePiece>& pieces) {
  std::string bytes;
  for (const MessagePiece& piece : pieces) {
    bytes.append(reinterpret_cast<const char*>(piece.bytes.data()),
                 piece.bytes.size());
  }
  return bytes;
}

std::string Bytes(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()),
          tensor.bytes.size()};
}

ModelInferRequest Sent(const AttendCall& call) {
  const auto pieces = SerializeInferCall(call);
  EXPECT_TRUE(pieces.ok()) << pieces.status();
  ModelInferRequest request;
  EXPECT_TRUE(request.ParseFromString(Bytes(*pieces)));
  return request;
}

// Everything that a call can say.
AttendCall FullCall() {
  return {
      .model = "cross",
      .queries =
          Tensor::Own(ElementType::kF16, {2, 3, 4}, std::string(48, 'q')),
      .keys = Tensor::Own(ElementType::kBF16, {2, 2, 3}, std::string(24, 'k')),
      .values = Tensor::Own({2, 2, 1}, {1, 2, 3, 4}),
      .q_lengths = {3, 1},
      .kv_lengths = {2, 300},
      .attn_mask =
          Tensor::Own(ElementType::kBool, {2, 1, 3, 2}, std::string(12, '\1')),
      .is_causal = true,
      .scale = 0.25F,
      .attn_weights = ReturnWeights::kHeadAverage,
      .residual = true,
      .output_dtype = ElementType::kF32,
      .compute_dtype = ElementType::kBF16,
      .priority = 2,
      .id = "seven",
      .timeout = std::chrono::milliseconds(30)};
}

TEST(InferMessageTest, InputsHaveTheirRawContentsInTheirOrder) {
  const AttendCall call = FullCall();
  const ModelInferRequest request = Sent(call);

  struct Input {
    std::string datatype;
    std::vector<std::int64_t> shape;
    std::string raw;
  };
  std::map<std::string, Input> inputs;
  ASSERT_EQ(request.inputs_size(), request.raw_input_contents_size());
  for (int i = 0; i < request.inputs_size(); ++i) {
    const auto& input = request.inputs(i);
    EXPECT_FALSE(input.has_contents());
    inputs[input.name()] = {input.datatype(),
                            {input.shape().begin(), input.shape().end()},
                            request.raw_input_contents(i)};
  }
  ASSERT_EQ(inputs.size(), 6U);
  const auto expect = [&](const std::string& name, const std::string& datatype,
                          const Tensor& tensor) {
    EXPECT_EQ(inputs[name].datatype, datatype) << name;
    EXPECT_EQ(inputs[name].shape, tensor.shape) << name;
    EXPECT_EQ(inputs[name].raw, Bytes(tensor)) << name;
  };
  expect("queries", "FP16", call.queries);
  expect("keys", "BF16", *call.keys);
  expect("values", "FP32", *call.values);
  expect("attn_mask", "BOOL", *call.attn_mask);
  for (const char* name : {"q_lengths", "kv_lengths"}) {
    EXPECT_EQ(inputs[name].datatype, "INT64");
    EXPECT_THAT(inputs[name].shape, ElementsAre(2));
  }
  // Little-endian.
  const std::string zeros(6, '\0');
  EXPECT_EQ(inputs["kv_lengths"].raw,
            std::string("\x02\0", 2) + zeros + "\x2c\x01" + zeros);
}

TEST(InferMessageTest, TheRestIsNamesAndParameters) {
  const ModelInferRequest request = Sent(FullCall());
  EXPECT_EQ(request.model_name(), "cross@weights");
  EXPECT_EQ(request.model_version(), "");
  EXPECT_EQ(request.id(), "seven");
  EXPECT_EQ(request.outputs_size(), 0) << "all";
  const auto& parameters = request.parameters();
  EXPECT_EQ(parameters.size(), 8U);
  EXPECT_TRUE(parameters.at("is_causal").bool_param());
  EXPECT_TRUE(parameters.at("residual").bool_param());
  EXPECT_EQ(parameters.at("scale").double_param(), 0.25);
  EXPECT_EQ(parameters.at("output_dtype").string_param(), "FP32");
  EXPECT_EQ(parameters.at("compute_dtype").string_param(), "BF16");
  EXPECT_EQ(parameters.at("attn_weights").string_param(), "head_average");
  EXPECT_EQ(parameters.at("priority").uint64_param(), 2U);
  EXPECT_EQ(parameters.at("timeout").int64_param(), 30'000);
}

TEST(InferMessageTest, WhatIsNotSaidIsNotSent) {
  AttendCall call{.model = "minilm/0", .queries = Tensor::Own({1, 1, 1}, {1})};
  ModelInferRequest request = Sent(call);
  EXPECT_EQ(request.model_name(), "minilm/0");
  EXPECT_EQ(request.inputs_size(), 1);
  EXPECT_THAT(request.parameters(), IsEmpty());

  call.attn_weights = ReturnWeights::kPerHead;
  request = Sent(call);
  EXPECT_EQ(request.model_name(), "minilm/0@weights");
  EXPECT_THAT(request.parameters(), IsEmpty()) << "per head is the default";
}

TEST(InferMessageTest, TensorsAreSentFromWhereTheyLie) {
  const AttendCall call = FullCall();
  const auto pieces = SerializeInferCall(call);
  ASSERT_TRUE(pieces.ok());
  // One before each tensor.
  EXPECT_EQ(pieces->size(), 8U);
  for (const Tensor* tensor :
       {&call.queries, &*call.keys, &*call.values, &*call.attn_mask}) {
    EXPECT_TRUE(std::any_of(
        pieces->begin(), pieces->end(), [tensor](const MessagePiece& piece) {
          return piece.bytes.data() == tensor->bytes.data() &&
                 piece.owner == tensor->owner;
        }));
  }
}

TEST(InferMessageTest, ATensorThatIsNoneIsNamed) {
  AttendCall call = FullCall();
  call.keys->shape = {7};
  const auto pieces = SerializeInferCall(call);
  EXPECT_EQ(pieces.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pieces.status().message(),
            "keys: shape [7] of bf16 takes 14 bytes, got 24");
}

std::shared_ptr<ModelInferResponse> Answer() {
  auto response = std::make_shared<ModelInferResponse>();
  response->set_id("7");
  for (const auto& [name, datatype, bytes] :
       {std::tuple("attn_weights", "FP16", 4),
        std::tuple("contexts", "FP32", 8)}) {
    auto* output = response->add_outputs();
    output->set_name(name);
    output->set_datatype(datatype);
    output->add_shape(1);
    output->add_shape(2);
    response->add_raw_output_contents(
        std::string(static_cast<std::size_t>(bytes), *name));
  }
  return response;
}

TEST(InferMessageTest, OutputsAreFoundByTheirNames) {
  const auto response = Answer();
  const auto result = ToAttendResult(response);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "7");
  EXPECT_EQ(result->contexts.dtype, ElementType::kF32);
  EXPECT_THAT(result->contexts.shape, ElementsAre(1, 2));
  EXPECT_EQ(Bytes(result->contexts), "cccccccc");
  EXPECT_EQ(result->attn_weights->dtype, ElementType::kF16);
  EXPECT_EQ(Bytes(*result->attn_weights), "aaaa");

  response->mutable_outputs()->DeleteSubrange(0, 1);
  response->mutable_raw_output_contents()->DeleteSubrange(0, 1);
  const auto alone = ToAttendResult(response);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_FALSE(alone->attn_weights.has_value());
}

TEST(InferMessageTest, ABrokenAnswerIsRefusedForWhatIsBroken) {
  struct Case {
    std::function<void(ModelInferResponse&)> spoil;
    const char* message;
  };
  for (const Case& broken :
       {Case{[](ModelInferResponse& r) { r.clear_raw_output_contents(); },
             "2 outputs have 0 entries in raw_output_contents"},
        Case{[](ModelInferResponse& r) {
               r.mutable_outputs(1)->set_name("context");
             },
             "nobody asked for the output context"},
        Case{[](ModelInferResponse& r) {
               r.mutable_outputs(1)->set_datatype("INT8");
             },
             "contexts has datatype INT8"},
        Case{[](ModelInferResponse& r) { r.mutable_outputs(1)->add_shape(3); },
             "contexts: shape [1, 2, 3] of f32 takes 24 bytes, got 8"},
        Case{[](ModelInferResponse& r) {
               r.mutable_outputs()->RemoveLast();
               r.mutable_raw_output_contents()->RemoveLast();
             },
             "it has no output contexts"}}) {
    const auto response = Answer();
    broken.spoil(*response);
    const auto result = ToAttendResult(response);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(result.status().message()),
                HasSubstr(broken.message));
  }
}

}  // namespace
}  // namespace attention::load
