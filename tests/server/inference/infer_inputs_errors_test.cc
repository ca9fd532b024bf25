// Proves what a client is told for each mistake in its tensors, outputs and
// parameters.
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inference/infer_inputs.h"
#include "server/inference/infer_lengths.h"
#include "tests/server/inference/read_request.h"
#include "tests/support/infer_requests.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;
using ::testing::HasSubstr;

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
                   [](R& r) { Parameter(r, "scale").set_string_param("x"); },
                   "request: parameter scale is \"x\", it takes a number"},
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
