// One server for all tests of a suite, and a client of the Open Inference
// Protocol.
#ifndef TESTS_INTEGRATION_INFERENCE_FIXTURE_H_
#define TESTS_INTEGRATION_INFERENCE_FIXTURE_H_

#include <memory>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.grpc.pb.h"
#include "tests/support/server_fixture.h"

namespace attention {

class InferenceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<TestServer>();
    channel_ = server_->NewChannel();
    stub_ = ::inference::GRPCInferenceService::NewStub(channel_);
  }

  static void TearDownTestSuite() {
    stub_.reset();
    channel_.reset();
    server_.reset();
  }

  static grpc::Status Infer(const ::inference::ModelInferRequest& request,
                            ::inference::ModelInferResponse& response) {
    grpc::ClientContext context;
    return stub_->ModelInfer(&context, request, &response);
  }

  // Of a request that succeeds.
  static ::inference::ModelInferResponse Infer(
      const ::inference::ModelInferRequest& request) {
    ::inference::ModelInferResponse response;
    const grpc::Status status = Infer(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  static inline std::unique_ptr<TestServer> server_;
  static inline std::shared_ptr<grpc::Channel> channel_;
  static inline std::unique_ptr<::inference::GRPCInferenceService::Stub> stub_;
};

}  // namespace attention

#endif  // TESTS_INTEGRATION_INFERENCE_FIXTURE_H_
