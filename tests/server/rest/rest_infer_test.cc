// Proves inference over HTTP without sockets: tensors in JSON, behind it and in
// shared memory, either way, and errors with the statuses of Triton.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rest/rest_service.h"
#include "tests/server/inference/catalog.h"
#include "tests/server/rest/rest_requests.h"
#include "tests/support/infer_requests.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

constexpr char kPath[] = "/v2/models/sdpa/infer";
constexpr char kWeightsPath[] = "/v2/models/sdpa@weights/versions/1/infer";

// Two queries that attend to one key, whose value is the answer: 3 and 4,
// exactly, as the logits are zero.
constexpr char kInputs[] =
    R"("inputs":[)"
    R"({"name":"queries","shape":[1,2,1,2],"datatype":"FP32",)"
    R"("data":[0,0,0,0]},)"
    R"({"name":"keys","shape":[1,1,1,2],"datatype":"FP32","data":[[[[1,2]]]]},)"
    R"({"name":"values","shape":[1,1,1,2],"datatype":"FP32","data":[3,4]}])";

std::string FloatBytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(float)};
}

class RestInferTest : public ::testing::Test {
 protected:
  RestAnswer Infer(const std::string& members,
                   const std::string& path = kPath) {
    return Ask(service_,
               MakeHttpRequest("POST", path, absl::StrCat("{", members, "}")));
  }
  void ExpectError(const RestAnswer& answer, int status,
                   const std::string& text) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(answer.Error(), HasSubstr(text));
  }

  Catalog catalog_;
  RestService service_{catalog_.context()};
};

TEST_F(RestInferTest, JsonInJsonOut) {
  const RestAnswer answer =
      Infer(absl::StrCat(R"("id":"the id",)", kInputs), kWeightsPath);

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Header("Content-Type"), "application/json");
  EXPECT_EQ(answer.Header("Inference-Header-Content-Length"), "");
  const auto json = answer.Json();
  EXPECT_EQ(json["id"], "the id");
  EXPECT_EQ(json["model_name"], "sdpa@weights");
  EXPECT_EQ(json["model_version"], "1");
  EXPECT_GE(json["parameters"]["compute_us"], 0);
  EXPECT_EQ(json["outputs"].dump(),
            R"([{"data":[3.0,4.0,3.0,4.0],"datatype":"FP32",)"
            R"("name":"contexts","shape":[1,2,1,2]},)"
            R"({"data":[1.0,1.0],"datatype":"FP32",)"
            R"("name":"attn_weights","shape":[1,1,2,1]}])");
}

TEST_F(RestInferTest, BinaryInBinaryOut) {
  const std::string json =
      R"({"parameters":{"binary_data_output":true},"inputs":[)"
      R"({"name":"queries","shape":[1,2,1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":16}},)"
      R"({"name":"keys","shape":[1,1,1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":8}},)"
      R"({"name":"values","shape":[1,1,1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":8}}]})";
  // Whatever the alignment of the tensors is.
  for (int spaces = 0; spaces < 5; ++spaces) {
    const RestAnswer answer = Ask(
        service_, MakeBinaryRequest(
                      kWeightsPath,
                      json + std::string(static_cast<std::size_t>(spaces), ' '),
                      FloatBytes({0, 0, 0, 0, 1, 2, 3, 4})));

    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.Header("Content-Type"), "application/octet-stream");
    EXPECT_FALSE(answer.Json().contains("id"));
    EXPECT_EQ(answer.Json()["outputs"].dump(),
              R"([{"datatype":"FP32","name":"contexts",)"
              R"("parameters":{"binary_data_size":16},"shape":[1,2,1,2]},)"
              R"({"datatype":"FP32","name":"attn_weights",)"
              R"("parameters":{"binary_data_size":8},"shape":[1,1,2,1]}])");
    EXPECT_EQ(answer.Tensors(), FloatBytes({3, 4, 3, 4, 1, 1}));
  }
}

TEST_F(RestInferTest, EachOutputInItsForm) {
  const RestAnswer answer = Infer(
      absl::StrCat(kInputs,
                   R"(,"outputs":[{"name":"attn_weights"},{"name":"contexts",)"
                   R"("parameters":{"binary_data":true}}])"),
      kWeightsPath);

  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto outputs = answer.Json()["outputs"];
  EXPECT_EQ(outputs[0]["data"].dump(), "[1.0,1.0]");
  EXPECT_EQ(outputs[1]["parameters"]["binary_data_size"], 16);
  EXPECT_FALSE(outputs[1].contains("data"));
  EXPECT_EQ(answer.Tensors(), FloatBytes({3, 4, 3, 4}));
}

TEST_F(RestInferTest, PackedSequencesMayComeAsABatchOfOne) {
  // One query and two, each sequence with keys and values of its own: zeros
  // attend to all alike, so that the values' means come back.
  const auto packed = [](const char* shape) {
    return absl::StrReplaceAll(
        R"("parameters":{"q_lengths":"1,2"},"inputs":[)"
        R"({"name":"queries","shape":S,"datatype":"FP32",)"
        R"("data":[0,0,0,0,0,0]},)"
        R"({"name":"keys","shape":S,"datatype":"FP32",)"
        R"("data":[0,0,0,0,0,0]},)"
        R"({"name":"values","shape":S,"datatype":"FP32",)"
        R"("data":[7,8,1,2,3,4]},)"
        R"({"name":"kv_lengths","shape":[2],"datatype":"INT64",)"
        R"("data":[1,2]}])",
        {{"S", shape}});
  };
  const auto plain = Infer(packed("[3,1,2]"), kWeightsPath).Json()["outputs"];
  EXPECT_EQ(plain[0]["shape"].dump(), "[3,1,2]");
  EXPECT_EQ(plain[1]["shape"].dump(), "[5]");
  const auto outputs =
      Infer(packed("[1,3,1,2]"), kWeightsPath).Json()["outputs"];
  EXPECT_EQ(outputs[0]["shape"].dump(), "[1,3,1,2]");
  EXPECT_EQ(outputs[0]["data"].dump(), "[7.0,8.0,2.0,3.0,2.0,3.0]");
  EXPECT_EQ(outputs[1]["shape"].dump(), "[1,5]");
  EXPECT_EQ(outputs[1]["data"].dump(), "[1.0,0.5,0.5,0.5,0.5]");
}

TEST_F(RestInferTest, SharedMemoryInAndOut) {
  const ShmObject object(4096);
  const std::string values = FloatBytes({3, 4});
  std::memcpy(object.data(), values.data(), values.size());
  ASSERT_EQ(Ask(service_,
                MakeHttpRequest(
                    "POST", "/v2/systemsharedmemory/region/r/register",
                    R"({"byte_size":4096,"key":")" + object.key() + R"("})"))
                .status,
            200);
  const std::string inputs = absl::StrReplaceAll(
      kInputs,
      {{R"("data":[0,0,0,0])", R"("parameters":{"shared_memory_region":"r",)"
                               R"("shared_memory_byte_size":16})"}});

  const RestAnswer answer = Infer(absl::StrCat(
      inputs, R"(,"outputs":[{"name":"contexts","parameters":)"
              R"({"shared_memory_region":"r","shared_memory_byte_size":16,)"
              R"("shared_memory_offset":64}}])"));

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Header("Content-Type"), "application/json");
  const auto output = answer.Json()["outputs"][0];
  EXPECT_FALSE(output.contains("data"));
  EXPECT_FALSE(output.contains("parameters"));
  EXPECT_EQ(output["shape"].dump(), "[1,2,1,2]");
  EXPECT_EQ(std::string(object.data() + 64, 16), FloatBytes({3, 4, 3, 4}));
}

TEST_F(RestInferTest, AShrunkRegionIsToldOf) {
  const ShmObject object(8192);
  ASSERT_EQ(Ask(service_,
                MakeHttpRequest(
                    "POST", "/v2/systemsharedmemory/region/r/register",
                    R"({"byte_size":8192,"key":")" + object.key() + R"("})"))
                .status,
            200);
  object.Resize(0);

  ExpectError(Infer(absl::StrCat(
                  kInputs, R"(,"outputs":[{"name":"contexts","parameters":)"
                           R"({"shared_memory_region":"r",)"
                           R"("shared_memory_byte_size":16}}])")),
              400, "the object behind it was shrunk");
  EXPECT_EQ(Infer(kInputs).status, 200);
}

TEST_F(RestInferTest, NanComesAndGoes) {
  const RestAnswer answer = Infer(
      absl::StrReplaceAll(kInputs, {{R"("data":[3,4])", R"("data":[NaN,4])"}}));

  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr(R"("data":[NaN,4.0,NaN,4.0])"));
}

TEST_F(RestInferTest, TypesWithoutJsonNeedBinaryData) {
  const std::string half =
      absl::StrCat(kInputs, R"(,"parameters":{"output_dtype":"FP16")");
  ExpectError(Infer(half + "}"), 400,
              "contexts: sending FP16 data via JSON is not supported");
  EXPECT_EQ(Infer(half + R"(,"binary_data_output":true})").Tensors().size(),
            8U);
}

TEST_F(RestInferTest, ErrorsHaveTheirStatus) {
  ExpectError(Infer(R"("inputs":[])"), 400,
              "queries: absent, they are required");
  ExpectError(Infer(R"("id":1)"), 400, "Unable to parse 'id'");
  ExpectError(Infer(kInputs, "/v2/models/no/infer"), 404,
              "model \"no\" is not loaded; there are sdpa, bert/0");
  ExpectError(Infer(kInputs, "/v2/models/sdpa/versions/2/infer"), 404,
              "model sdpa has no version \"2\"; ask for \"1\"");
  ExpectError(Infer(absl::StrCat(kInputs, R"(,"outputs":[{"name":"x"}])")), 400,
              "there is no \"x\", allowed are contexts");
  ExpectError(Infer(absl::StrReplaceAll(
                  kInputs, {{R"("data":[0,0,0,0])",
                             R"("parameters":{"shared_memory_region":"no",)"
                             R"("shared_memory_byte_size":16})"}})),
              404, "\"no\" is not registered");
}

TEST_F(RestInferTest, LongJsonIsWrittenOnNoWorker) {
  // As many answers as there are workers, which stay where they are written.
  const std::string json =
      R"({"inputs":[{"name":"queries","shape":[1,4096,1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":32768}}]})";
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::array<std::promise<int>, 2> answered;
  for (std::promise<int>& each : answered) {
    service_.Handle(MakeBinaryRequest(kPath, json, RampBytes(8192)),
                    [&each, released](const http::Response& response) {
                      released.wait();
                      each.set_value(response.status);
                    });
  }
  EXPECT_EQ(Infer(kInputs).status, 200);
  release.set_value();
  for (std::promise<int>& each : answered) {
    EXPECT_EQ(each.get_future().get(), 200);
  }
}

TEST_F(RestInferTest, LongJsonIsNotReadWhereItArrives) {
  const std::string padding(kLongJsonBytes, ' ');
  std::promise<std::thread::id> refused;
  service_.Handle(MakeHttpRequest("POST", kPath, "{" + padding),
                  [&refused](const http::Response& response) {
                    EXPECT_EQ(response.status, 400);
                    refused.set_value(std::this_thread::get_id());
                  });
  EXPECT_NE(refused.get_future().get(), std::this_thread::get_id());
  EXPECT_EQ(Infer(padding + kInputs).status, 200);
}

TEST_F(RestInferTest, AClientThatHasLeftIsNotServed) {
  // Seconds of work, in which somebody looks after the client.
  constexpr std::size_t kFloats = std::size_t{60000} * 64;
  const auto request = MakeBinaryRequest(
      kPath,
      absl::StrCat(R"({"inputs":[{"name":"queries","shape":[1,60000,1,64],)",
                   R"("datatype":"FP32","parameters":{"binary_data_size":)",
                   kFloats * sizeof(float), "}}]}"),
      FloatBytes(std::vector<float>(kFloats)));
  request->cancelled = [] { return true; };

  ExpectError(Ask(service_, request), 400, "the caller cancelled the request");
}

class RestInferBudgetTest
    : public ::testing::TestWithParam<std::pair<std::int64_t, int>> {};

TEST_P(RestInferBudgetTest, TextOfTensorsHasToFit) {
  const auto [limit, status] = GetParam();
  ServerOptions options;
  options.max_inflight_bytes = limit;
  const Catalog catalog(std::move(options));
  RestService service(catalog.context());
  // 256 queries of 2: 2 kB of answer are up to 9 kB of text.
  const std::string json =
      R"({"inputs":[{"name":"queries","shape":[1,256,1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":2048}}])";
  const auto ask = [&](const std::string& end) {
    return Ask(service, MakeBinaryRequest(kPath, json + end, RampBytes(512)));
  };

  const RestAnswer refused = ask("}");
  EXPECT_EQ(refused.status, status) << refused.body;
  EXPECT_THAT(refused.Error(), HasSubstr("binary data takes less"));
  EXPECT_EQ(ask(R"(,"parameters":{"binary_data_output":true}})").status, 200);
  // The worker that has answered may not be done with it.
  while (catalog.context().service.budget.used_bytes() != 0) {
    std::this_thread::yield();
  }
}

// Never, and not beside the request itself.
INSTANTIATE_TEST_SUITE_P(Limits, RestInferBudgetTest,
                         ::testing::Values(std::pair{8000, 400},
                                           std::pair{10000, 503}));

}  // namespace
}  // namespace attention::oip
