// Proves how the body of a request becomes an InferMessage: tensors stay where
// they are, elements in JSON are converted, and each bad body is told why.
#include "server/rest/read_infer.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rest/json_body.h"
#include "tests/server/rest/rest_requests.h"

namespace attention::oip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPath[] = "/v2/models/m/0/infer";
const Route kRoute{.endpoint = Endpoint::kModelInfer, .name = "m/0"};

absl::StatusOr<InferBody> Read(
    const std::shared_ptr<const http::Request>& request) {
  MemoryBudget budget(1 << 20);
  return ReadInferBody(request, kRoute, budget);
}

absl::StatusOr<InferBody> ReadJson(const std::string& json) {
  return Read(MakeHttpRequest("POST", kPath, json));
}

void ExpectRefused(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

std::string RawText(const RawContents& raw) {
  return {reinterpret_cast<const char*>(raw.data),
          static_cast<std::size_t>(raw.bytes)};
}

TEST(ReadInferTest, EveryFieldComesThrough) {
  const auto body = Read(MakeBinaryRequest(
      kPath,
      R"({"id":"i","parameters":{"is_causal":true,"scale":0.5,"priority":2,)"
      R"("offset":-1,"big":18446744073709551615,"output_dtype":"FP32",)"
      R"("binary_data_output":true},)"
      R"("inputs":[{"name":"queries","datatype":"FP32","shape":[1,2,3],)"
      R"("parameters":{"binary_data_size":4,"more":"x"}}],)"
      R"("outputs":[{"name":"contexts","parameters":{"binary_data":false}},)"
      R"({"name":"attn_weights","parameters":{"shared_memory_region":"r",)"
      R"("shared_memory_byte_size":64}}]})",
      "abcd"));

  ASSERT_TRUE(body.ok()) << body.status();
  const auto& header = body->message.header;
  EXPECT_EQ(header.model_name(), "m/0");
  EXPECT_EQ(header.model_version(), "");
  EXPECT_EQ(header.id(), "i");
  const auto& parameters = header.parameters();
  EXPECT_EQ(parameters.size(), 6U);
  EXPECT_TRUE(parameters.at("is_causal").bool_param());
  EXPECT_EQ(parameters.at("scale").double_param(), 0.5);
  EXPECT_EQ(parameters.at("priority").int64_param(), 2);
  EXPECT_EQ(parameters.at("offset").int64_param(), -1);
  EXPECT_EQ(parameters.at("big").uint64_param(), 18446744073709551615ULL);
  EXPECT_EQ(parameters.at("output_dtype").string_param(), "FP32");
  ASSERT_EQ(header.inputs_size(), 1);
  EXPECT_EQ(header.inputs(0).name(), "queries");
  EXPECT_EQ(header.inputs(0).datatype(), "FP32");
  EXPECT_THAT(header.inputs(0).shape(), ElementsAre(1, 2, 3));
  EXPECT_EQ(header.inputs(0).parameters_size(), 1);
  ASSERT_EQ(header.outputs_size(), 2);
  EXPECT_EQ(header.outputs(0).parameters_size(), 0);
  EXPECT_EQ(header.outputs(1)
                .parameters()
                .at("shared_memory_byte_size")
                .int64_param(),
            64);
  EXPECT_FALSE(body->forms.IsBinary("contexts"));
  EXPECT_TRUE(body->forms.IsBinary("attn_weights"));
}

TEST(ReadInferTest, BinaryDataStaysWhereItIs) {
  const std::string json = R"({"inputs":[)"
                           R"({"name":"queries","datatype":"FP32","shape":[1],)"
                           R"("parameters":{"binary_data_size":4}},)"
                           R"({"name":"keys","datatype":"FP32","shape":[0],)"
                           R"("parameters":{"binary_data_size":0}},)"
                           R"({"name":"values","datatype":"FP32","shape":[2],)"
                           R"("parameters":{"binary_data_size":8}}]})";
  auto request = MakeBinaryRequest(kPath, json, "abcd12345678");
  const std::byte* const tensors = request->body + json.size();
  const std::weak_ptr<http::Request> alive = request;

  auto body = Read(request);
  request = nullptr;

  ASSERT_TRUE(body.ok()) << body.status();
  const InferMessage& message = body->message;
  ASSERT_EQ(message.raw.size(), 3U);
  EXPECT_EQ(message.raw[0].data, tensors);
  EXPECT_EQ(RawText(message.raw[0]), "abcd");
  EXPECT_EQ(message.raw[1].bytes, 0);
  EXPECT_EQ(RawText(message.raw[2]), "12345678");
  EXPECT_EQ(message.bytes, static_cast<std::int64_t>(json.size()) + 12);
  EXPECT_FALSE(alive.expired());
  body = absl::CancelledError();
  EXPECT_TRUE(alive.expired());
}

TEST(ReadInferTest, JsonAndBinaryAndRegionsMix) {
  const auto body = Read(MakeBinaryRequest(
      kPath,
      R"({"inputs":[)"
      R"({"data":[[1],[2]],"name":"queries","datatype":"FP32","shape":[2]},)"
      R"({"name":"keys","datatype":"FP32","shape":[1],)"
      R"("parameters":{"shared_memory_region":"r"}},)"
      R"({"name":"values","datatype":"FP16","shape":[1],)"
      R"("parameters":{"binary_data_size":2}},)"
      R"({"name":"q_lengths","datatype":"INT64","shape":[1],"data":[7]}]})",
      "xy"));

  ASSERT_TRUE(body.ok()) << body.status();
  const auto& raw = body->message.raw;
  ASSERT_EQ(raw.size(), 3U);
  const float floats[] = {1, 2};
  EXPECT_EQ(std::memcmp(raw[0].data, floats, 8), 0);
  EXPECT_EQ(RawText(raw[1]), "xy");
  const std::int64_t length = 7;
  EXPECT_EQ(std::memcmp(raw[2].data, &length, 8), 0);
}

TEST(ReadInferTest, OutputsAreJsonUnlessAskedFor) {
  const std::string inputs = R"("inputs":[])";
  EXPECT_FALSE(ReadJson("{" + inputs + "}")->forms.IsBinary("contexts"));
  const auto all = ReadJson(absl::StrCat(
      "{", inputs, R"(,"parameters":{"binary_data_output":true}})"));
  EXPECT_TRUE(all->forms.IsBinary("contexts"));
  const auto one = ReadJson(absl::StrCat(
      "{", inputs,
      R"(,"outputs":[{"name":"contexts","parameters":{"binary_data":true}},)"
      R"({"name":"attn_weights"}]})"));
  EXPECT_TRUE(one->forms.IsBinary("contexts"));
  EXPECT_FALSE(one->forms.IsBinary("attn_weights"));
}

TEST(ReadInferTest, BadLengthsOfTheJsonAreRefused) {
  for (const char* length :
       {"0", "-1", "24", "x", "1.5", "1 2", "99999999999999999999"}) {
    ExpectRefused(
        Read(MakeHttpRequest("POST", kPath, R"({"inputs":[]}         )",
                             {{kJsonLengthHeader, length}}))
            .status(),
        absl::StrCat("Inference-Header-Content-Length: is \"", length,
                     "\", allowed are 1 to the 22 bytes of the body"));
  }
  EXPECT_TRUE(Read(MakeHttpRequest("POST", kPath, R"({"inputs":[]})",
                                   {{"inference-header-content-length", "13"}}))
                  .ok());
  ExpectRefused(ReadJson("").status(), "is not valid UTF-8 JSON");
}

// One input with `members` besides a name.
std::string Input(const std::string& members) {
  return absl::StrCat(R"({"inputs":[{"name":"queries",)", members, "}]}");
}

TEST(ReadInferTest, BadBodiesAreToldWhy) {
  const std::string type = R"("datatype":"FP32")";
  const std::string shape = R"("shape":[2])";
  const std::string both = absl::StrCat(type, ",", shape);
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "body: Unable to parse 'inputs', there are none"},
      {R"({"inputs":{}})", "body: Unable to parse 'inputs', it must be an"},
      {R"({"inputs":[1]})", "inputs: must be a JSON object"},
      {R"({"inputs":[{}]})", "inputs: one has no 'name'"},
      {R"({"inputs":[{"name":1}]})", "inputs: Unable to parse 'name', it must"},
      {R"({"inputs":[],"id":1})", "body: Unable to parse 'id', it must be a s"},
      {R"({"inputs":[],"parameters":1})", "body: Unable to parse 'parameters'"},
      {R"({"inputs":[],"parameters":{"a":null}})",
       "body: parameter \"a\" has invalid type"},
      {R"({"inputs":[],"parameters":{"a":[1]}})", "has invalid type"},
      {R"({"inputs":[],"parameters":{"binary_data_output":1}})",
       "Unable to parse 'binary_data_output', it must be true or false"},
      {R"({"inputs":[],"outputs":{}})", "body: Unable to parse 'outputs'"},
      {R"({"inputs":[],"outputs":[1]})", "outputs: must be a JSON object"},
      {R"({"inputs":[],"outputs":[{}]})", "outputs: one has no 'name'"},
      {R"({"inputs":[],"outputs":[{"name":"a\n","parameters":)"
       R"({"shared_memory_region":"r","binary_data":true}}]})",
       R"("a\n": Output can't set both 'shared_memory_region')"},
      {R"({"inputs":[],"outputs":[{"name":"contexts","parameters":)"
       R"({"binary_data":"yes"}}]})",
       "outputs: Unable to parse 'binary_data', it must be true or false"},
      {Input(shape), "queries: has no 'datatype'"},
      {Input(R"("datatype":7)"), "queries: Unable to parse 'datatype'"},
      {Input(type), "queries: has no 'shape'"},
      {Input(type + R"(,"shape":2)"), "queries: Unable to parse 'shape'"},
      {Input(type + R"(,"shape":[-1],"data":[])"), "whole numbers from 0"},
      {Input(type + R"(,"shape":[1.5],"data":[1])"), "whole numbers from 0"},
      {Input(type + R"(,"shape":[18446744073709551615],"data":[1])"),
       "whole numbers from 0"},
      {Input(both),
       "Input must set only one of 'data', and 'binary_data_size'"
       " or 'shared_memory_region' in 'parameters'; it sets none"},
      {Input(both + R"(,"data":[1,2],"parameters":{"binary_data_size":8})"),
       "it sets 'data' and 'binary_data_size'"},
      {Input(both + R"(,"data":[1,2],"parameters":{"shared_memory_region":0})"),
       "it sets 'data' and 'shared_memory_region'"},
      {Input(both + R"(,"data":[1,2,3])"),
       "queries: 'data' has 3 elements, shape [2] has 2"},
      {Input(both + R"(,"data":5)"), "Unable to parse 'data', it must be an"},
      {Input(both + R"(,"data":["x",1])"), "its elements must be numbers"},
      {Input(both + R"(,"data":[true,false])"), "queries: datatype is FP32"},
      {Input(R"("datatype":"FP16",)" + shape + R"(,"data":[1,2])"),
       "queries: receiving \"FP16\" data via JSON is not supported"},
      {Input(both + R"(,"parameters":{"binary_data_size":1})"),
       "queries: binary_data_size is 1, the body has 0 bytes more"},
      {Input(both + R"(,"parameters":{"binary_data_size":-1})"),
       "Unable to parse 'binary_data_size', it must be a whole number from 0"},
      {Input(both + R"(,"parameters":{"binary_data_size":"8"})"),
       "Unable to parse 'binary_data_size'"},
      {Input(both + R"(,"parameters":[])"), "Unable to parse 'parameters'"},
      {Input(type + R"(,"shape":[4294967296,4294967296],"data":[1])"),
       "4294967296"},
  };
  for (const auto& [json, text] : cases) {
    SCOPED_TRACE(json);
    ExpectRefused(ReadJson(json).status(), text);
  }
}

TEST(ReadInferTest, BytesThatNoTensorTakesAreRefused) {
  ExpectRefused(
      Read(MakeBinaryRequest(kPath, R"({"inputs":[]})", "xyz")).status(),
      "body: unexpected additional input data, 3 bytes");
}

TEST(ReadInferTest, JsonTakesMemoryOfTheBudgetWhileItIsRead) {
  MemoryBudget budget(1000);
  const auto read = [&budget](std::size_t spaces) {
    return ReadInferBody(
               MakeHttpRequest("POST", kPath,
                               R"({"inputs":[]})" + std::string(spaces, ' ')),
               kRoute, budget)
        .status();
  };
  EXPECT_EQ(read(100), absl::OkStatus());
  EXPECT_EQ(budget.used_bytes(), 0);
  const auto held = budget.Reserve(500);
  EXPECT_EQ(read(100).code(), absl::StatusCode::kResourceExhausted);
}

TEST(ReadInferTest, MoreJsonThanEverFitsIsNotForLater) {
  MemoryBudget small(1000);
  // 200 bytes, of which parsing takes eight times as much.
  ExpectRefused(
      ReadInferBody(MakeHttpRequest("POST", kPath, std::string(200, ' ')),
                    kRoute, small)
          .status(),
      "body: JSON of 200 bytes takes 1600 bytes of memory, all requests "
      "together may have 1000 (--max-inflight-bytes); send tensors as binary "
      "data");
  const std::string large(kMaxJsonBytes + 1, ' ');
  ExpectRefused(
      ReadInferBody(MakeHttpRequest("POST", kPath, large), kRoute, small)
          .status(),
      "body: JSON of 67108865 bytes, 67108864 are allowed");
}

}  // namespace
}  // namespace attention::oip
