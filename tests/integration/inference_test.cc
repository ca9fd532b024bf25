// Proves the Open Inference Protocol over gRPC on a real socket: what MiniLM
// computed comes back whichever way it is asked for, and in the order in which
// it is asked for.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor/convert_dtype.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/inference_fixture.h"
#include "tests/support/conformance_files.h"
#include "tests/support/infer_requests.h"
#include "tests/support/minilm_cases.h"
#include "tests/support/shm_object.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<ConformanceCase>& Cases() {
  static const auto& cases = *new std::vector<ConformanceCase>(
      MinilmCases(*Safetensors::Open(TestDataDirectory() +
                                     "/minilm/samples.safetensors"),
                  DemoModelDirectory())
          .value());
  return cases;
}

// "minilm-samples/3" is layer 3 of the demo model.
std::string ModelOf(const ConformanceCase& a_case) {
  return absl::StrCat("minilm",
                      a_case.model_name.substr(a_case.model_name.find('/')));
}

std::string BytesOf(const HostTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data.data()),
          tensor.data.size()};
}

std::vector<double> DoublesOf(const std::string& bytes, DType dtype) {
  return ToDoubles(reinterpret_cast<const std::byte*>(bytes.data()), dtype,
                   static_cast<std::int64_t>(bytes.size() / DTypeSize(dtype)));
}

ModelInferRequest RequestFor(const ConformanceCase& a_case,
                             const std::string& model) {
  ModelInferRequest request = InferRequest(model);
  AddRawInput("queries", "FP32", a_case.queries.shape.dims(),
              BytesOf(a_case.queries), request);
  if (!a_case.q_lengths.empty()) {
    AddRawInput("q_lengths", "INT64", {a_case.batch()},
                Int64Bytes(a_case.q_lengths), request);
  }
  return request;
}

std::vector<std::int64_t> ShapeOf(
    const ::inference::ModelInferResponse_InferOutputTensor& output) {
  return {output.shape().begin(), output.shape().end()};
}

void ExpectClose(const std::vector<double>& expected,
                 const std::vector<double>& got, double tolerance) {
  ASSERT_EQ(expected.size(), got.size());
  const LargestError error = CompareTensors(expected, got);
  EXPECT_LE(error.relative, tolerance) << error.ToString();
}

TEST_F(InferenceTest, MiniLmsContextsAndWeightsComeBack) {
  ASSERT_FALSE(Cases().empty());
  for (const ConformanceCase& a_case : Cases()) {
    SCOPED_TRACE(a_case.name);
    const ModelInferResponse response =
        Infer(RequestFor(a_case, ModelOf(a_case) + "@weights"));
    ASSERT_EQ(response.outputs_size(), 2);
    ASSERT_EQ(response.raw_output_contents_size(), 2);
    EXPECT_EQ(response.outputs(0).name(), "contexts");
    EXPECT_EQ(response.outputs(0).datatype(), "FP32");
    EXPECT_EQ(ShapeOf(response.outputs(0)), a_case.ContextsShape().dims());
    ExpectClose(a_case.contexts,
                DoublesOf(response.raw_output_contents(0), DType::kF32),
                a_case.tolerance);
    EXPECT_EQ(response.outputs(1).name(), "attn_weights");
    EXPECT_EQ(ShapeOf(response.outputs(1)), a_case.AttnWeightsShape().dims());
    ExpectClose(a_case.attn_weights,
                DoublesOf(response.raw_output_contents(1), DType::kF32),
                a_case.tolerance);
  }
}

TEST_F(InferenceTest, HalfPrecisionComesBackInHalfPrecision) {
  const ConformanceCase& a_case = Cases().front();
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const std::string name = dtype == DType::kF16 ? "FP16" : "BF16";
    SCOPED_TRACE(name);
    const std::int64_t count = a_case.queries.element_count();
    std::string bytes(static_cast<std::size_t>(2 * count), '\0');
    ConvertFromF32(reinterpret_cast<const float*>(a_case.queries.data.data()),
                   count, dtype, reinterpret_cast<std::byte*>(bytes.data()));
    ModelInferRequest request = RequestFor(a_case, ModelOf(a_case));
    request.mutable_inputs(0)->set_datatype(name);
    request.set_raw_input_contents(0, bytes);
    const ModelInferResponse response = Infer(request);
    ASSERT_EQ(response.outputs_size(), 1);
    EXPECT_EQ(response.outputs(0).datatype(), name);
    // Inputs and outputs are rounded, each by half a unit, and the layer may
    // cancel what is large in its inputs.
    ExpectClose(a_case.contexts,
                DoublesOf(response.raw_output_contents(0), dtype),
                20 * UnitRoundoff(dtype));
  }
}

TEST_F(InferenceTest, TypedContentsGiveTheSameAsRaw) {
  const ConformanceCase& a_case = Cases().front();
  const ModelInferRequest raw = RequestFor(a_case, ModelOf(a_case));
  ModelInferRequest typed = raw;
  typed.clear_raw_input_contents();
  const auto* const floats =
      reinterpret_cast<const float*>(a_case.queries.data.data());
  typed.mutable_inputs(0)->mutable_contents()->mutable_fp32_contents()->Add(
      floats, floats + a_case.queries.element_count());
  if (!a_case.q_lengths.empty()) {
    typed.mutable_inputs(1)->mutable_contents()->mutable_int64_contents()->Add(
        a_case.q_lengths.begin(), a_case.q_lengths.end());
  }
  EXPECT_EQ(Infer(typed).raw_output_contents(0),
            Infer(raw).raw_output_contents(0));
}

TEST_F(InferenceTest, ParametersChangeTheAnswerAsTensorsDo) {
  ModelInferRequest with_tensor = SmallInferRequest();
  AddRawInput("q_lengths", "INT64", {2}, Int64Bytes({3, 1}), with_tensor);
  ModelInferRequest with_text = SmallInferRequest();
  (*with_text.mutable_parameters())["q_lengths"].set_string_param("3,1");
  const std::string expected = Infer(with_tensor).raw_output_contents(0);
  EXPECT_EQ(Infer(with_text).raw_output_contents(0), expected);
  EXPECT_NE(Infer(SmallInferRequest()).raw_output_contents(0), expected);

  ModelInferRequest with_mask = SmallInferRequest();
  AddRawInput("attn_mask", "BOOL", {3, 3}, std::string("\1\0\0\1\1\0\1\1\1", 9),
              with_mask);
  ModelInferRequest causal = SmallInferRequest();
  (*causal.mutable_parameters())["is_causal"].set_bool_param(true);
  EXPECT_EQ(Infer(causal).raw_output_contents(0),
            Infer(with_mask).raw_output_contents(0));
}

TEST_F(InferenceTest, AnAnswerSaysWhoseItIs) {
  ModelInferRequest request = SmallInferRequest("the id");
  request.set_model_name("sdpa@weights");
  request.set_model_version("1");
  request.add_outputs()->set_name("attn_weights");
  request.add_outputs()->set_name("contexts");
  const ModelInferResponse response = Infer(request);
  EXPECT_EQ(response.model_name(), "sdpa@weights");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "the id");
  EXPECT_TRUE(response.parameters().contains("queue_us"));
  EXPECT_TRUE(response.parameters().contains("compute_us"));
  ASSERT_EQ(response.outputs_size(), 2);
  EXPECT_EQ(response.outputs(0).name(), "attn_weights");
  EXPECT_THAT(ShapeOf(response.outputs(0)), ElementsAre(2, 2, 3, 3));
  EXPECT_EQ(response.raw_output_contents(0).size(), 36U * 4);
  EXPECT_EQ(response.outputs(1).name(), "contexts");
  EXPECT_THAT(ShapeOf(response.outputs(1)), ElementsAre(2, 3, 2, 4));
  EXPECT_EQ(response.raw_output_contents(1).size(), 48U * 4);
}

// 64 MiB each way. There is one key, so that every context is its value.
TEST_F(InferenceTest, LargeMessages) {
  constexpr std::int64_t kTokens = 2048;
  constexpr std::int64_t kHeads = 64;
  constexpr std::int64_t kWidth = 128;
  ModelInferRequest request = InferRequest("sdpa");
  AddRawInput("queries", "FP32", {1, kTokens, kHeads, kWidth},
              RampBytes(kTokens * kHeads * kWidth), request);
  const std::string one_token = RampBytes(kHeads * kWidth);
  AddRawInput("keys", "FP32", {1, 1, kHeads, kWidth}, one_token, request);
  AddRawInput("values", "FP32", {1, 1, kHeads, kWidth}, one_token, request);
  const ModelInferResponse response = Infer(request);
  ASSERT_EQ(response.raw_output_contents_size(), 1);
  const std::string& contexts = response.raw_output_contents(0);
  ASSERT_EQ(contexts.size(), one_token.size() * kTokens);
  const std::vector<double> expected = DoublesOf(one_token, DType::kF32);
  for (std::size_t at = 0; at < contexts.size(); at += one_token.size()) {
    const LargestError error = CompareTensors(
        expected,
        DoublesOf(contexts.substr(at, one_token.size()), DType::kF32));
    // A weight is one but for a unit in the last place.
    ASSERT_LE(error.relative, 4 * UnitRoundoff(DType::kF32)) << at;
  }
}

TEST_F(InferenceTest, AStreamAnswersInTheOrderOfTheRequests) {
  constexpr int kRequests = 200;
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  // Large ones would be overtaken, bad ones are answered at once.
  const auto request_of = [](int i) {
    ModelInferRequest request = SmallInferRequest(absl::StrCat(i));
    if (i % 10 == 0) {
      request.clear_inputs();
      request.clear_raw_input_contents();
      AddRawInput("queries", "FP32", {1, 256, 4, 32}, RampBytes(256 * 4 * 32),
                  request);
    }
    if (i % 7 == 3) request.set_model_name("nobody");
    return request;
  };
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) stream->Write(request_of(i));
    stream->WritesDone();
  });
  ModelStreamInferResponse answer;
  int count = 0;
  for (; stream->Read(&answer); ++count) {
    EXPECT_EQ(answer.infer_response().id(), absl::StrCat(count));
    if (count % 7 == 3) {
      EXPECT_THAT(answer.error_message(),
                  HasSubstr("model \"nobody\" is not loaded"));
      EXPECT_EQ(answer.infer_response().outputs_size(), 0);
    } else {
      EXPECT_EQ(answer.error_message(), "");
      EXPECT_EQ(answer.infer_response().raw_output_contents_size(), 1);
    }
  }
  writer.join();
  EXPECT_EQ(count, kRequests);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(InferenceTest, SharedMemoryHoldsTensorsOfBothSides) {
  const ShmObject object(8192);
  const std::string queries = RampBytes(48);
  std::memcpy(object.data(), queries.data(), queries.size());
  grpc::ClientContext register_context;
  ::inference::SystemSharedMemoryRegisterRequest registration;
  registration.set_name("both");
  registration.set_key(object.key());
  registration.set_byte_size(8192);
  ::inference::SystemSharedMemoryRegisterResponse registered;
  const grpc::Status status = stub_->SystemSharedMemoryRegister(
      &register_context, registration, &registered);
  ASSERT_TRUE(status.ok()) << status.error_message();

  grpc::ClientContext status_context;
  ::inference::SystemSharedMemoryStatusResponse regions;
  ASSERT_TRUE(
      stub_->SystemSharedMemoryStatus(&status_context, {}, &regions).ok());
  ASSERT_TRUE(regions.regions().contains("both"));
  EXPECT_EQ(regions.regions().at("both").key(), object.key());
  EXPECT_EQ(regions.regions().at("both").byte_size(), 8192U);

  ModelInferRequest request = SmallInferRequest();
  request.clear_raw_input_contents();
  PutInRegion("both", 192, 0, *request.mutable_inputs(0)->mutable_parameters());
  auto& output = *request.add_outputs();
  output.set_name("contexts");
  PutInRegion("both", 192, 4096, *output.mutable_parameters());
  const ModelInferResponse response = Infer(request);
  ASSERT_EQ(response.raw_output_contents_size(), 1);
  EXPECT_EQ(response.raw_output_contents(0), "");
  EXPECT_EQ(std::string(object.data() + 4096, 192),
            Infer(SmallInferRequest()).raw_output_contents(0));

  grpc::ClientContext unregister_context;
  ::inference::SystemSharedMemoryUnregisterRequest all;
  ::inference::SystemSharedMemoryUnregisterResponse unregistered;
  EXPECT_TRUE(stub_
                  ->SystemSharedMemoryUnregister(&unregister_context, all,
                                                 &unregistered)
                  .ok());
  ModelInferResponse refused;
  EXPECT_EQ(Infer(request, refused).error_code(), grpc::StatusCode::NOT_FOUND);
}

// Not NOT_FOUND, whose advice to register first could not be followed.
TEST(SharedMemoryTest, IsForNobodyWhenItIsOff) {
  ServerOptions options = TestServerOptions();
  options.shared_memory = "off";
  const TestServer server(options);
  const auto stub =
      ::inference::GRPCInferenceService::NewStub(server.NewChannel());
  ModelInferRequest request = SmallInferRequest();
  request.clear_raw_input_contents();
  PutInRegion("r", 192, 0, *request.mutable_inputs(0)->mutable_parameters());
  ModelInferResponse response;
  grpc::ClientContext infer_context;
  const grpc::Status inferred =
      stub->ModelInfer(&infer_context, request, &response);
  ::inference::SystemSharedMemoryStatusResponse regions;
  grpc::ClientContext status_context;
  const grpc::Status listed =
      stub->SystemSharedMemoryStatus(&status_context, {}, &regions);
  for (const grpc::Status& status : {inferred, listed}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(), HasSubstr("--shared-memory off"));
  }
}

TEST_F(InferenceTest, ServerAndModelsAreReady) {
  grpc::ClientContext live_context;
  ::inference::ServerLiveResponse live;
  ASSERT_TRUE(stub_->ServerLive(&live_context, {}, &live).ok());
  EXPECT_TRUE(live.live());
  grpc::ClientContext ready_context;
  ::inference::ServerReadyResponse ready;
  ASSERT_TRUE(stub_->ServerReady(&ready_context, {}, &ready).ok());
  EXPECT_TRUE(ready.ready());
  for (const char* name : {"sdpa", "minilm/5@weights"}) {
    grpc::ClientContext context;
    ::inference::ModelReadyRequest request;
    request.set_name(name);
    ::inference::ModelReadyResponse model_ready;
    ASSERT_TRUE(stub_->ModelReady(&context, request, &model_ready).ok());
    EXPECT_TRUE(model_ready.ready());
  }
}

TEST_F(InferenceTest, WhatThereIsNotIsUnimplemented) {
  grpc::ClientContext cuda_context;
  ::inference::CudaSharedMemoryStatusResponse cuda;
  const grpc::Status cuda_status =
      stub_->CudaSharedMemoryStatus(&cuda_context, {}, &cuda);
  EXPECT_EQ(cuda_status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(cuda_status.error_message(), HasSubstr("no CUDA"));
  grpc::ClientContext trace_context;
  ::inference::TraceSettingResponse trace;
  EXPECT_EQ(stub_->TraceSetting(&trace_context, {}, &trace).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace attention
