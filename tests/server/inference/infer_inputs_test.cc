// Proves the rules by which a request's tensors, outputs and parameters are
// read: each way to send them, and for each mistake what the client is told.
#include "server/inference/infer_inputs.h"

#include <cstring>
#include <functional>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inference/infer_lengths.h"
#include "server/inference/infer_message.h"
#include "tests/support/infer_requests.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ServedName kContextsOnly = {.model = "m"};
const ServedName kWithWeights = {.model = "m", .has_weights = true};

InferMessage MessageOf(const ModelInferRequest& request,
                       std::size_t longest = 1 << 20) {
  std::mt19937_64 random(1);
  grpc::ByteBuffer buffer =
      CutBuffer(request.SerializeAsString(), longest, random);
  auto message = ReadInferMessage(&buffer);
  EXPECT_TRUE(message.ok()) << message.status();
  return *std::move(message);
}

absl::StatusOr<InferInputs> Read(const InferMessage& message,
                                 const ServedName& served = kContextsOnly) {
  return ReadInferInputs(message, served, SharedMemory());
}

ModelInferRequest GoodRequest() {
  ModelInferRequest request = InferRequest("m");
  AddRawInput("queries", "FP32", {2, 3, 4}, RampBytes(24), request);
  return request;
}

::inference::InferParameter& Parameter(ModelInferRequest& request,
                                       const std::string& name) {
  return (*request.mutable_parameters())[name];
}

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
  EXPECT_EQ(read_pieces->joined_bytes, 0);
}

TEST(InferInputsTest, AMaskInPiecesIsJoined) {
  ModelInferRequest request = GoodRequest();
  AddRawInput("attn_mask", "FP32", {3, 3}, RampBytes(9), request);
  const InferMessage message = MessageOf(request, 10);
  const auto read = Read(message);
  ASSERT_TRUE(read.ok()) << read.status();
  const InputTensor& mask = *read->inputs.attn_mask;
  EXPECT_EQ(mask.view.fragments, nullptr);
  EXPECT_EQ(mask.view.data, read->joined_mask.get());
  EXPECT_EQ(BytesAt(mask), RampBytes(9));
  EXPECT_EQ(read->joined_bytes, 36);
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

void PutInRegion(
    const std::string& region, std::int64_t bytes, std::int64_t offset,
    google::protobuf::Map<std::string, ::inference::InferParameter>&
        parameters) {
  parameters["shared_memory_region"].set_string_param(region);
  parameters["shared_memory_byte_size"].set_int64_param(bytes);
  if (offset != 0) parameters["shared_memory_offset"].set_int64_param(offset);
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

  const auto read = ReadInferInputs(message, kContextsOnly, memory);

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

struct BadRequest {
  std::string name;
  std::function<void(ModelInferRequest&)> spoil;
  std::string message;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;

  friend void PrintTo(const BadRequest& bad, std::ostream* out) {
    *out << bad.name;
  }
};

class BadInferRequestTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadInferRequestTest, IsRefusedWithAMessage) {
  ModelInferRequest request = GoodRequest();
  ASSERT_TRUE(Read(MessageOf(request)).ok());
  GetParam().spoil(request);
  const auto read = Read(MessageOf(request));
  EXPECT_EQ(read.status().code(), GetParam().code);
  EXPECT_THAT(std::string(read.status().message()),
              HasSubstr(GetParam().message));
}

std::string NameOf(const ::testing::TestParamInfo<BadRequest>& info) {
  return info.param.name;
}

using R = ModelInferRequest;

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadInferRequestTest,
    ::testing::Values(
        BadRequest{"UnknownInput",
                   [](R& r) { r.mutable_inputs(0)->set_name("INPUT0"); },
                   "inputs: there is no \"INPUT0\", allowed are queries, keys, "
                   "values, attn_mask, q_lengths, kv_lengths"},
        BadRequest{"InputTwice",
                   [](R& r) { AddRawInput("queries", "FP32", {1}, "1234", r); },
                   "inputs: queries is given twice"},
        BadRequest{"UnknownDatatype",
                   [](R& r) { r.mutable_inputs(0)->set_datatype("FP8"); },
                   "queries: datatype is \"FP8\", allowed are FP32, FP16, "
                   "BF16"},
        BadRequest{"NoDatatype",
                   [](R& r) { r.mutable_inputs(0)->clear_datatype(); },
                   "queries: datatype is \"\", allowed are FP32"},
        BadRequest{"BoolQueries",
                   [](R& r) { r.mutable_inputs(0)->set_datatype("BOOL"); },
                   "queries: datatype is \"BOOL\", allowed are FP32"},
        BadRequest{"IntegerMask",
                   [](R& r) { AddRawInput("attn_mask", "INT64", {}, "", r); },
                   "attn_mask: datatype is \"INT64\", allowed are BOOL, FP32, "
                   "FP16, BF16"},
        BadRequest{"FloatLengths",
                   [](R& r) { AddRawInput("q_lengths", "FP32", {}, "", r); },
                   "q_lengths: datatype is \"FP32\", allowed are INT64, INT32"},
        BadRequest{"ContentsBesidesRaw",
                   [](R& r) { r.mutable_inputs(0)->mutable_contents(); },
                   "queries: contents field must not be specified when using "
                   "raw_input_contents"},
        BadRequest{"TooFewRawEntries",
                   [](R& r) { AddInput("keys", "FP32", {1}, r); },
                   "keys: no entry of raw_input_contents is left, there are 1"},
        BadRequest{"TooManyRawEntries",
                   [](R& r) { r.add_raw_input_contents("more"); },
                   "raw_input_contents: 2 entries, the inputs take 1"},
        BadRequest{"ContentsOfFp16",
                   [](R& r) {
                     r.clear_raw_input_contents();
                     r.mutable_inputs(0)->set_datatype("FP16");
                   },
                   "queries: FP16 has no typed contents, send it in "
                   "raw_input_contents"},
        BadRequest{"ContentsOfAnotherType",
                   [](R& r) {
                     r.clear_raw_input_contents();
                     auto& contents = *r.mutable_inputs(0)->mutable_contents();
                     contents.add_fp64_contents(1);
                   },
                   "queries: contents have fp64_contents, FP32 takes "
                   "fp32_contents"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    SharedMemory, BadInferRequestTest,
    ::testing::Values(
        BadRequest{"UnknownRegion",
                   [](R& r) {
                     PutInRegion("nobody", 8, 0,
                                 *r.mutable_inputs(0)->mutable_parameters());
                   },
                   "shared memory region \"nobody\" is not registered",
                   absl::StatusCode::kNotFound},
        BadRequest{"NoByteSize",
                   [](R& r) {
                     (*r.mutable_inputs(0)
                           ->mutable_parameters())["shared_memory_region"]
                         .set_string_param("r");
                   },
                   "queries: parameter shared_memory_byte_size is absent, it "
                   "takes the bytes of the tensor"},
        BadRequest{"NegativeOffset",
                   [](R& r) {
                     PutInRegion("r", 8, -8,
                                 *r.mutable_inputs(0)->mutable_parameters());
                   },
                   "queries: parameter shared_memory_offset is -8, it takes 0 "
                   "or more"},
        BadRequest{"RegionOfAnotherType",
                   [](R& r) {
                     (*r.mutable_inputs(0)
                           ->mutable_parameters())["shared_memory_region"]
                         .set_int64_param(3);
                   },
                   "queries: parameter shared_memory_region is an int64, it "
                   "takes a string"},
        BadRequest{"OutputInAnUnknownRegion",
                   [](R& r) {
                     auto& output = *r.add_outputs();
                     output.set_name("contexts");
                     PutInRegion("nobody", 8, 0, *output.mutable_parameters());
                   },
                   "shared memory region \"nobody\" is not registered",
                   absl::StatusCode::kNotFound}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Outputs, BadInferRequestTest,
    ::testing::Values(
        BadRequest{"UnknownOutput",
                   [](R& r) { r.add_outputs()->set_name("OUTPUT0"); },
                   "outputs: there is no \"OUTPUT0\", allowed are contexts "
                   "and, of m@weights, attn_weights"},
        BadRequest{"WeightsOfAModelWithout",
                   [](R& r) { r.add_outputs()->set_name("attn_weights"); },
                   "outputs: m has no attn_weights, ask m@weights"},
        BadRequest{"OutputTwice",
                   [](R& r) {
                     r.add_outputs()->set_name("contexts");
                     r.add_outputs()->set_name("contexts");
                   },
                   "outputs: contexts is asked for twice"},
        BadRequest{
            "Classes",
            [](R& r) {
              auto& output = *r.add_outputs();
              output.set_name("contexts");
              (*output.mutable_parameters())["classification"].set_int64_param(
                  3);
            },
            "outputs: contexts has no classes"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Parameters, BadInferRequestTest,
    ::testing::Values(
        BadRequest{
            "CausalText",
            [](R& r) { Parameter(r, "is_causal").set_string_param("true"); },
            "request: parameter is_causal is a string, it takes a bool"},
        BadRequest{"ParameterWithoutValue",
                   [](R& r) { Parameter(r, "residual"); },
                   "request: parameter residual is without a value"},
        BadRequest{"ScaleText",
                   [](R& r) { Parameter(r, "scale").set_string_param("1"); },
                   "request: parameter scale is a string, it takes a number"},
        BadRequest{
            "UnknownOutputType",
            [](R& r) { Parameter(r, "output_dtype").set_string_param("f32"); },
            "request: parameter output_dtype is \"f32\", it takes \"FP32\", "
            "\"FP16\" or \"BF16\""},
        BadRequest{
            "UnknownComputeType",
            [](R& r) {
              Parameter(r, "compute_dtype").set_string_param("FP16");
            },
            "request: parameter compute_dtype is \"FP16\", it takes \"FP32\" "
            "or \"BF16\""},
        BadRequest{"WeightsKindOfAModelWithout",
                   [](R& r) {
                     Parameter(r, "attn_weights").set_string_param("per_head");
                   },
                   "request: parameter attn_weights: m gives none, ask "
                   "m@weights"},
        BadRequest{"NegativePriority",
                   [](R& r) { Parameter(r, "priority").set_int64_param(-1); },
                   "request: parameter priority is -1, it takes 0 or more"},
        BadRequest{"PriorityOfAnotherType",
                   [](R& r) { Parameter(r, "priority").set_double_param(1); },
                   "request: parameter priority is a double, it takes an int64 "
                   "or a uint64"},
        BadRequest{"NegativeTimeout",
                   [](R& r) { Parameter(r, "timeout").set_int64_param(-5); },
                   "request: parameter timeout is -5, it takes 0 or more"},
        BadRequest{
            "LengthsThatAreNoNumbers",
            [](R& r) { Parameter(r, "q_lengths").set_string_param("3,x"); },
            "request: parameter q_lengths is \"3,x\", it takes whole "
            "numbers: \"3,5,2\""},
        BadRequest{
            "NoLengths",
            [](R& r) { Parameter(r, "kv_lengths").set_string_param(""); },
            "request: parameter kv_lengths is \"\""},
        BadRequest{"LengthsTwice",
                   [](R& r) {
                     AddRawInput("q_lengths", "INT64", {1}, Int64Bytes({3}), r);
                     Parameter(r, "q_lengths").set_string_param("3");
                   },
                   "q_lengths: given as an input and as a parameter"},
        BadRequest{"LengthsOfTwoAxes",
                   [](R& r) {
                     AddRawInput("q_lengths", "INT64", {1, 1}, Int64Bytes({3}),
                                 r);
                   },
                   "q_lengths: shape has 2 dimensions, allowed are 1"},
        BadRequest{"LengthsThatDoNotFitTheirShape",
                   [](R& r) {
                     AddRawInput("q_lengths", "INT64", {2}, Int64Bytes({3}), r);
                   },
                   "q_lengths: data has 8 bytes, shape [2] of I64 takes 2 x "
                   "8"},
        BadRequest{"ManyLengths",
                   [](R& r) {
                     AddRawInput("q_lengths", "INT32", {kMaxLengths + 1},
                                 std::string(4 * (kMaxLengths + 1), '\0'), r);
                   },
                   "q_lengths: more than 65536 lengths"},
        BadRequest{"ALongListOfLengths",
                   [](R& r) {
                     std::string text = "1";
                     for (int i = 0; i < kMaxLengths; ++i) text += ",1";
                     Parameter(r, "q_lengths").set_string_param(text);
                   },
                   "q_lengths: more than 65536 lengths"}),
    NameOf);

TEST(InferInputsTest, AnUnknownKindOfWeightsIsRefused) {
  ModelInferRequest request = GoodRequest();
  Parameter(request, "attn_weights").set_string_param("average");
  const auto read = Read(MessageOf(request), kWithWeights);
  EXPECT_THAT(std::string(read.status().message()),
              HasSubstr("request: parameter attn_weights is \"average\", it "
                        "takes \"per_head\" or \"head_average\""));
}

}  // namespace
}  // namespace attention::oip
