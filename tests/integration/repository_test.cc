// Proves over gRPC that models are listed, taken out and loaded again from
// files that have changed, while others ask them: no request fails because its
// model is loaded again, and none is computed with weights of two files.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.grpc.pb.h"
#include "tests/core/model/model_directory.h"
#include "tests/support/infer_requests.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::inference::GRPCInferenceService;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

constexpr int kEmbedDim = 4;

// What the two files of WriteLayer answer to any request.
const std::vector<float> kRamp = {0, 1, 2, 3};
const std::vector<float> kZeros = {0, 0, 0, 0};

// A layer whose weights are zero, so that every context is the bias of
// out_proj: kRamp, or kZeros.
void WriteLayer(const ModelDirectory& directory, const std::vector<float>& to) {
  const DType bias = to == kRamp ? DType::kF32 : DType::kBF16;
  directory.WriteTensors(
      "layer.safetensors",
      {{"in_proj_weight", {DType::kBF16, {3 * kEmbedDim, kEmbedDim}}},
       {"in_proj_bias", {DType::kBF16, {3 * kEmbedDim}}},
       {"out_proj.weight", {DType::kBF16, {kEmbedDim, kEmbedDim}}},
       {"out_proj.bias", {bias, {kEmbedDim}}}},
      {{"num_heads", "2"}});
}

// Serves the file of `directory` as "layer", and the demo model.
ServerOptions Options(const ModelDirectory& directory) {
  ServerOptions options = TestServerOptions();
  options.models = {
      absl::StrCat("layer=", directory.PathOf("layer.safetensors"))};
  return options;
}

class Client {
 public:
  explicit Client(const TestServer& server)
      : stub_(GRPCInferenceService::NewStub(server.NewChannel())) {}

  // The contexts of one query; none with the status of what failed.
  std::vector<float> Ask(const std::string& model,
                         grpc::Status* status = nullptr) {
    ::inference::ModelInferRequest request = InferRequest(model);
    AddRawInput("queries", "FP32", {1, 1, kEmbedDim}, RampBytes(kEmbedDim),
                request);
    ::inference::ModelInferResponse response;
    grpc::ClientContext context;
    const grpc::Status ended = stub_->ModelInfer(&context, request, &response);
    if (status != nullptr) *status = ended;
    if (!ended.ok()) return {};
    const std::string& bytes = response.raw_output_contents(0);
    std::vector<float> contexts(bytes.size() / sizeof(float));
    std::memcpy(contexts.data(), bytes.data(), bytes.size());
    return contexts;
  }

  grpc::Status Load(const std::string& model) {
    ::inference::RepositoryModelLoadRequest request;
    request.set_model_name(model);
    ::inference::RepositoryModelLoadResponse response;
    grpc::ClientContext context;
    return stub_->RepositoryModelLoad(&context, request, &response);
  }

  grpc::Status Unload(const std::string& model) {
    ::inference::RepositoryModelUnloadRequest request;
    request.set_model_name(model);
    ::inference::RepositoryModelUnloadResponse response;
    grpc::ClientContext context;
    return stub_->RepositoryModelUnload(&context, request, &response);
  }

  grpc::Status SetVerbose(std::uint32_t level) {
    ::inference::LogSettingsRequest request;
    (*request.mutable_settings())["log_verbose_level"].set_uint32_param(level);
    ::inference::LogSettingsResponse response;
    grpc::ClientContext context;
    return stub_->LogSettings(&context, request, &response);
  }

  // "minilm/0 READY".
  std::vector<std::string> Index(bool ready) {
    ::inference::RepositoryIndexRequest request;
    request.set_ready(ready);
    ::inference::RepositoryIndexResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->RepositoryIndex(&context, request, &response).ok());
    std::vector<std::string> lines;
    for (const auto& model : response.models()) {
      lines.push_back(absl::StrCat(model.name(), " ", model.state()));
    }
    return lines;
  }

  bool IsReady(const std::string& model) {
    ::inference::ModelReadyRequest request;
    request.set_name(model);
    ::inference::ModelReadyResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->ModelReady(&context, request, &response).ok());
    return response.ready();
  }

 private:
  const std::unique_ptr<GRPCInferenceService::Stub> stub_;
};

TEST(RepositoryTest, ModelsAreListedTakenOutAndLoaded) {
  const ModelDirectory directory;
  WriteLayer(directory, kRamp);
  const TestServer server(Options(directory));
  Client client(server);
  // sdpa, minilm/0 to minilm/5 and layer, each twice.
  EXPECT_THAT(client.Index(true), SizeIs(16));
  EXPECT_EQ(client.Ask("layer"), kRamp);

  EXPECT_TRUE(client.Unload("layer").ok());
  EXPECT_THAT(client.Index(true), SizeIs(14));
  EXPECT_THAT(client.Index(false),
              IsSupersetOf({"layer UNAVAILABLE", "layer@weights UNAVAILABLE",
                            "minilm/0 READY"}));
  EXPECT_FALSE(client.IsReady("layer"));
  grpc::Status status;
  EXPECT_TRUE(client.Ask("layer", &status).empty());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);

  EXPECT_TRUE(client.Load("layer").ok());
  EXPECT_TRUE(client.IsReady("layer@weights"));
  EXPECT_EQ(client.Ask("layer"), kRamp);
}

TEST(RepositoryTest, AFileThatHasChangedIsReadAgain) {
  const ModelDirectory directory;
  WriteLayer(directory, kRamp);
  const TestServer server(Options(directory));
  Client client(server);
  WriteLayer(directory, kZeros);
  EXPECT_EQ(client.Ask("layer"), kRamp);
  EXPECT_TRUE(client.Load("layer").ok());
  EXPECT_EQ(client.Ask("layer"), kZeros);
}

TEST(RepositoryTest, AFileThatIsTornLeavesWhatIsServed) {
  const ModelDirectory directory;
  WriteLayer(directory, kRamp);
  const TestServer server(Options(directory));
  Client client(server);
  directory.Write("layer.safetensors", "not a model");
  const grpc::Status status = client.Load("layer");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.error_message(), HasSubstr("--model layer="));
  EXPECT_EQ(client.Ask("layer"), kRamp);
  EXPECT_THAT(client.Index(true), Contains("layer READY"));
}

TEST(RepositoryTest, RequestsGoOnWhileTheirModelIsLoadedAgain) {
  constexpr int kReloads = 20;
  const ModelDirectory directory;
  WriteLayer(directory, kRamp);
  const TestServer server(Options(directory));
  std::atomic<bool> end = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      Client client(server);
      while (!end) {
        grpc::Status status;
        const std::vector<float> contexts = client.Ask("layer", &status);
        EXPECT_TRUE(status.ok()) << status.error_message();
        EXPECT_THAT(contexts, AnyOf(kRamp, kZeros));
      }
    });
  }
  Client client(server);
  for (int i = 0; i < kReloads; ++i) {
    const std::vector<float>& expected = i % 2 == 0 ? kZeros : kRamp;
    WriteLayer(directory, expected);
    EXPECT_TRUE(client.Load("layer").ok());
    EXPECT_EQ(client.Ask("layer"), expected);
  }
  end = true;
  for (std::thread& other : others) other.join();
}

TEST(RepositoryTest, AllLayersOfTheDemoModelGoAndComeTogether) {
  const TestServer server;
  Client client(server);
  EXPECT_TRUE(client.Unload("minilm").ok());
  EXPECT_THAT(client.Index(true),
              ElementsAre("sdpa READY", "sdpa@weights READY"));
  EXPECT_TRUE(client.Load("minilm").ok());
  EXPECT_THAT(client.Index(true), SizeIs(14));
}

TEST(RepositoryTest, NobodyChangesModelsOrTheLogWhenThatIsOff) {
  ServerOptions options = TestServerOptions();
  options.model_control = "off";
  const TestServer server(options);
  Client client(server);
  for (const grpc::Status& status :
       {client.Load("minilm"), client.Unload("minilm"), client.SetVerbose(1)}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(), HasSubstr("--model-control off"));
  }
  EXPECT_THAT(client.Index(true), SizeIs(14));
}

TEST(RepositoryTest, WhatCannotBeLoadedOrUnloadedIsRefused) {
  const TestServer server;
  Client client(server);
  EXPECT_EQ(client.Load("nobody").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(client.Unload("nobody").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(client.Load("").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(client.Unload("sdpa").error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

}  // namespace
}  // namespace attention
