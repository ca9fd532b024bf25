// Proves that what is wrong with a request of the Open Inference Protocol gets
// a code and a message, and that the next one is served.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/inference_fixture.h"
#include "tests/support/infer_requests.h"
#include "tests/support/raw_rpc.h"

namespace attention {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;
using ::testing::HasSubstr;

struct BadRequest {
  std::string name;
  std::function<void(ModelInferRequest&)> spoil;
  grpc::StatusCode code;
  std::string message;

  friend void PrintTo(const BadRequest& bad, std::ostream* out) {
    *out << bad.name;
  }
};

class InferenceErrorsTest : public InferenceTest {};

class BadInferenceTest : public InferenceTest,
                         public ::testing::WithParamInterface<BadRequest> {};

// The next request is good again.
TEST_P(BadInferenceTest, GetsACodeAndAMessage) {
  ModelInferRequest request = SmallInferRequest();
  GetParam().spoil(request);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, response);
  EXPECT_EQ(status.error_code(), GetParam().code) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr(GetParam().message));
  Infer(SmallInferRequest());
}

using R = ModelInferRequest;
using Code = grpc::StatusCode;

INSTANTIATE_TEST_SUITE_P(
    Requests, BadInferenceTest,
    ::testing::Values(
        BadRequest{"NoModel", [](R& r) { r.clear_model_name(); },
                   Code::NOT_FOUND, "model \"\" is not loaded"},
        BadRequest{"UnknownModel", [](R& r) { r.set_model_name("bert"); },
                   Code::NOT_FOUND, "model \"bert\" is not loaded; there are"},
        BadRequest{"UnknownVersion", [](R& r) { r.set_model_version("3"); },
                   Code::NOT_FOUND, "model sdpa has no version \"3\""},
        BadRequest{"UnknownInput",
                   [](R& r) { r.mutable_inputs(0)->set_name("INPUT0"); },
                   Code::INVALID_ARGUMENT, "inputs: there is no \"INPUT0\""},
        BadRequest{"NoInputs",
                   [](R& r) {
                     r.clear_inputs();
                     r.clear_raw_input_contents();
                   },
                   Code::INVALID_ARGUMENT, "queries: absent"},
        BadRequest{"WrongWidth", [](R& r) { r.set_model_name("minilm/0"); },
                   Code::INVALID_ARGUMENT,
                   "queries: shape has 4 dimensions, allowed are 2 or 3"},
        BadRequest{"WrongBytes",
                   [](R& r) { r.mutable_raw_input_contents(0)->pop_back(); },
                   Code::INVALID_ARGUMENT,
                   "queries: data has 191 bytes, shape [2, 3, 2, 4] of F32 "
                   "takes 48 x 4"},
        BadRequest{"WeightsOfAModelWithout",
                   [](R& r) { r.add_outputs()->set_name("attn_weights"); },
                   Code::INVALID_ARGUMENT,
                   "outputs: sdpa has no attn_weights, ask sdpa@weights"},
        BadRequest{"UnknownRegion",
                   [](R& r) {
                     PutInRegion("x", 1, 0,
                                 *r.mutable_inputs(0)->mutable_parameters());
                   },
                   Code::NOT_FOUND, "\"x\" is not registered"},
        BadRequest{"LargeHeader",
                   [](R& r) {
                     (*r.mutable_parameters())["x"].set_string_param(
                         std::string(2 << 20, 'x'));
                   },
                   Code::INVALID_ARGUMENT, "take more than 1048576 bytes"},
        BadRequest{"LongId", [](R& r) { r.set_id(std::string(300, 'x')); },
                   Code::INVALID_ARGUMENT, "id: 300 bytes, allowed are 256"},
        BadRequest{"PassedTimeout",
                   [](R& r) {
                     // Ten milliseconds of work.
                     r.clear_inputs();
                     r.clear_raw_input_contents();
                     AddRawInput("queries", "FP32", {1, 2048, 4, 32},
                                 RampBytes(std::int64_t{2048} * 4 * 32), r);
                     (*r.mutable_parameters())["timeout"].set_int64_param(1);
                   },
                   Code::UNAVAILABLE, "Request timeout expired"}),
    [](const ::testing::TestParamInfo<BadRequest>& parameter) {
      return parameter.param.name;
    });

TEST_F(InferenceErrorsTest, BytesThatAreNoRequest) {
  const RawAnswer answer = RawUnary(
      channel_, "/inference.GRPCInferenceService/ModelInfer", "\xff\xff");
  EXPECT_TRUE(answer.bytes.empty());
  const std::vector<grpc::Status> statuses = RawUnaryAll(
      channel_, "/inference.GRPCInferenceService/ModelInfer", {"\xff\xff", ""});
  EXPECT_EQ(statuses[0].error_code(), Code::INVALID_ARGUMENT);
  EXPECT_THAT(statuses[0].error_message(),
              HasSubstr("not an inference.ModelInferRequest"));
  // Nothing is a request that names no model.
  EXPECT_EQ(statuses[1].error_code(), Code::NOT_FOUND);
}

TEST_F(InferenceErrorsTest, BytesThatAreNoRequestLeaveAStreamOpen) {
  RawStream stream(channel_, "/inference.GRPCInferenceService/ModelStreamInfer",
                   {"\xff\xff", SmallInferRequest("good").SerializeAsString()});
  EXPECT_TRUE(stream.Wait().ok());
  ASSERT_EQ(stream.answers().size(), 2U);
  ModelStreamInferResponse answer;
  ASSERT_TRUE(answer.ParseFromString(stream.answers()[0]));
  EXPECT_THAT(answer.error_message(), HasSubstr("its bytes do not parse"));
  ASSERT_TRUE(answer.ParseFromString(stream.answers()[1]));
  EXPECT_EQ(answer.error_message(), "");
  EXPECT_EQ(answer.infer_response().id(), "good");
}

TEST_F(InferenceErrorsTest, ADeadlineThatIsOver) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() -
                       std::chrono::seconds(1));
  ModelInferResponse response;
  EXPECT_EQ(
      stub_->ModelInfer(&context, SmallInferRequest(), &response).error_code(),
      Code::DEADLINE_EXCEEDED);
}

// Any bytes in a good request's place.
TEST_F(InferenceErrorsTest, SpoiledRequestsAreAnsweredAndLeaveTheServerWell) {
  const unsigned seed = std::random_device()();
  std::printf("seed=%u\n", seed);
  std::mt19937 random(seed);
  std::vector<std::string> requests;
  for (int i = 0; i < 500; ++i) {
    std::string bytes = SmallInferRequest(absl::StrCat(i)).SerializeAsString();
    for (std::size_t spoils = 1 + random() % 4; spoils > 0; --spoils) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    requests.push_back(std::move(bytes));
  }
  for (const grpc::Status& status : RawUnaryAll(
           channel_, "/inference.GRPCInferenceService/ModelInfer", requests)) {
    EXPECT_TRUE(status.ok() || status.error_code() == Code::INVALID_ARGUMENT ||
                status.error_code() == Code::NOT_FOUND)
        << status.error_code() << ": " << status.error_message();
  }
  Infer(SmallInferRequest());
}

}  // namespace
}  // namespace attention
