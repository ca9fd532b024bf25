// Proves that what a model or a request is told to compute in reaches the
// kernel and the descriptions, and that a CPU without bf16 says so rather than
// compute in something else.
#include <cstdlib>
#include <string>
#include <vector>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"
#include "tests/support/server_process.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Relative to the largest magnitude; products of numbers of 8 bits.
constexpr double kBf16Tolerance = 2e-2;

std::string MiniLm() {
  return std::string(std::getenv("ATTENTION_TEST_DATA")) +
         "/../../server/demo/minilm";
}

// Computes the demo model in bf16, and the same as the model `exact` in f32.
ServerOptions Bf16Options() {
  ServerOptions options = TestServerOptions();
  options.compute_dtype = "bf16";
  options.models = {"exact=" + MiniLm() + ",compute_dtype=f32",
                    "fast=" + MiniLm()};
  return options;
}

grpc::Status Attend(v1::AttentionService::Stub& stub,
                    const v1::AttendRequest& request, v1::Tensor* contexts) {
  grpc::ClientContext context;
  v1::AttendResponse response;
  grpc::Status status = stub.Attend(&context, request, &response);
  *contexts = response.contexts();
  return status;
}

v1::Tensor MustAttend(v1::AttentionService::Stub& stub,
                      const v1::AttendRequest& request) {
  v1::Tensor contexts;
  const grpc::Status status = Attend(stub, request, &contexts);
  EXPECT_TRUE(status.ok()) << request.model() << ": " << status.error_message();
  return contexts;
}

// Of f32 contexts.
std::vector<double> Doubles(const v1::Tensor& contexts) {
  return ToDoubles(reinterpret_cast<const std::byte*>(contexts.data().data()),
                   DType::kF32,
                   static_cast<std::int64_t>(contexts.data().size() / 4));
}

void ExpectClose(const v1::Tensor& exact, const v1::Tensor& fast) {
  ASSERT_EQ(exact.data().size(), fast.data().size());
  ASSERT_GT(exact.data().size(), 0u);
  const LargestError error = CompareTensors(Doubles(exact), Doubles(fast));
  EXPECT_LE(error.relative, kBf16Tolerance) << error.ToString();
}

v1::DType ComputeDTypeOf(v1::AttentionService::Stub& stub,
                         const std::string& model) {
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.set_name(model);
  v1::GetModelResponse response;
  EXPECT_TRUE(stub.GetModel(&context, request, &response).ok()) << model;
  return response.model().compute_dtype();
}

TEST(ComputeDTypeTest, ModelsComputeInTheirTypeOrInThatOfTheServer) {
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  TestServer server(Bf16Options());
  EXPECT_EQ(ComputeDTypeOf(server.stub(), "minilm/5"), v1::DTYPE_BF16);
  EXPECT_EQ(ComputeDTypeOf(server.stub(), "fast/0"), v1::DTYPE_BF16);
  EXPECT_EQ(ComputeDTypeOf(server.stub(), "exact/0"), v1::DTYPE_F32);

  const v1::Tensor exact =
      MustAttend(server.stub(), SelfAttention("exact/0", 2, 9, 384));
  v1::AttendRequest request = SelfAttention("fast/0", 2, 9, 384);
  const v1::Tensor fast = MustAttend(server.stub(), request);
  ExpectClose(exact, fast);
  request.set_compute_dtype(v1::DTYPE_BF16);
  EXPECT_EQ(MustAttend(server.stub(), request).data(), fast.data());
}

TEST(ComputeDTypeTest, AModelRefusesAnyTypeButItsOwn) {
  TestServer server;
  v1::AttendRequest request = SelfAttention("minilm/0", 1, 2, 384);
  v1::Tensor contexts;
  request.set_compute_dtype(v1::DTYPE_BF16);
  const grpc::Status status = Attend(server.stub(), request, &contexts);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "compute_dtype: request wants bf16, model minilm/0 computes in "
            "f32; leave it out, or name a model that is loaded with "
            "compute_dtype=bf16");
  request.set_compute_dtype(v1::DTYPE_F32);
  EXPECT_GT(MustAttend(server.stub(), request).data().size(), 0u);
}

TEST(ComputeDTypeTest, SdpaComputesInWhatTheRequestSays) {
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  // What models compute in has no part in it.
  TestServer server(Bf16Options());
  EXPECT_EQ(ComputeDTypeOf(server.stub(), "sdpa"), v1::DTYPE_UNSPECIFIED);
  v1::AttendRequest request = SmallSdpaRequest();
  *request.mutable_queries() = RampTensor({2, 9, 3, 16});
  const v1::Tensor unspecified = MustAttend(server.stub(), request);
  request.set_compute_dtype(v1::DTYPE_F32);
  const v1::Tensor exact = MustAttend(server.stub(), request);
  EXPECT_EQ(unspecified.data(), exact.data());
  request.set_compute_dtype(v1::DTYPE_BF16);
  ExpectClose(exact, MustAttend(server.stub(), request));
}

TEST(ComputeDTypeTest, TheServerSaysWhatItCanComputeIn) {
  TestServer server;
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &info).ok());
  if (HasBf16Products()) {
    EXPECT_THAT(info.compute_dtypes(),
                ElementsAre(v1::DTYPE_F32, v1::DTYPE_BF16));
  } else {
    EXPECT_THAT(info.compute_dtypes(), ElementsAre(v1::DTYPE_F32));
  }
}

// A process whose --max-isa leaves no bf16, whatever this CPU has.
std::vector<std::string> WithoutBf16(const std::vector<std::string>& more) {
  std::vector<std::string> args = {"--max-isa=avx2", "--host=127.0.0.1",
                                   "--grpc-port=0", "--http-port=-1",
                                   "--metrics-port=-1"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

constexpr char kNeedsBf16[] = "compute_dtype bf16 needs AVX512_BF16";

TEST(ComputeDTypeTest, AServerWithoutBf16DoesNotStartWithAModelInIt) {
  ServerProcess demo(WithoutBf16({"--demo-model", "--compute-dtype=bf16"}));
  EXPECT_EQ(demo.Wait(), 2);
  EXPECT_THAT(demo.log(),
              AllOf(HasSubstr("--demo-model: "), HasSubstr(kNeedsBf16)));
  const std::string model = "bert=" + MiniLm() + ",compute_dtype=bf16";
  ServerProcess own(WithoutBf16({"--demo-model", "--model=" + model}));
  EXPECT_EQ(own.Wait(), 2);
  EXPECT_THAT(own.log(), AllOf(HasSubstr("--model " + model + ": "),
                               HasSubstr(kNeedsBf16)));
}

TEST(ComputeDTypeTest, AServerWithoutBf16RefusesRequestsForItAndServesOthers) {
  ServerProcess process(WithoutBf16({}));
  const std::string address = process.WaitForAddress();
  ASSERT_NE(address, "") << process.log();
  const auto stub = v1::AttentionService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  v1::AttendRequest request = SmallSdpaRequest();
  request.set_compute_dtype(v1::DTYPE_BF16);
  v1::Tensor contexts;
  const grpc::Status status = Attend(*stub, request, &contexts);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr(kNeedsBf16));
  request.set_compute_dtype(v1::DTYPE_F32);
  EXPECT_GT(MustAttend(*stub, request).data().size(), 0u);

  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub->GetServerInfo(&context, {}, &info).ok());
  EXPECT_THAT(info.compute_dtypes(), ElementsAre(v1::DTYPE_F32));
}

TEST(ComputeDTypeTest, TheLogSaysWhatAModelComputesIn) {
  ServerProcess process(WithoutBf16({"--demo-model", "--log-level=debug"}));
  EXPECT_THAT(
      process.WaitForLine(" model_loaded "),
      AllOf(HasSubstr(" model=minilm/0 "), HasSubstr(" compute_dtype=f32 ")))
      << process.log();
}

}  // namespace
}  // namespace attention
