// Proves that real sentences get PyTorch's contexts and weights over HTTP, from
// a real server and in both forms.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/tensor/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/http/http_client.h"
#include "tests/support/conformance_files.h"
#include "tests/support/minilm_cases.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using nlohmann::json;

// The demo model serves the layers that the samples are of.
std::string DemoName(const ConformanceCase& a_case) {
  return absl::StrCat(
      "minilm/", a_case.model_name.substr(a_case.model_name.rfind('/') + 1));
}

void ExpectClose(const std::vector<double>& got,
                 const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  double largest = 0;
  double error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(got[i] - expected[i]));
  }
  EXPECT_LE(error, tolerance * largest);
}

std::vector<double> FloatsAt(const std::string& bytes, std::size_t first,
                             std::size_t count) {
  std::vector<float> floats(count);
  std::memcpy(floats.data(), bytes.data() + first, count * sizeof(float));
  return {floats.begin(), floats.end()};
}

class RestMinilmTest : public ::testing::Test {
 protected:
  RestMinilmTest() {
    ServerOptions options = TestServerOptions();
    options.http_port = 0;
    server_ = std::make_unique<TestServer>(std::move(options));
    const auto file =
        Safetensors::Open(TestDataDirectory() + "/minilm/samples.safetensors");
    EXPECT_TRUE(file.ok()) << file.status();
    auto cases =
        MinilmCases(*file, TestDataDirectory() + "/../../server/demo/minilm");
    EXPECT_TRUE(cases.ok()) << cases.status();
    for (ConformanceCase& a_case : *cases) {
      if (a_case.q_lengths.empty()) cases_.push_back(std::move(a_case));
    }
  }

  http::HttpAnswer Post(const ConformanceCase& a_case, const std::string& body,
                        const std::string& headers) {
    http::HttpClient client(server_->server().ports().http);
    return client.Ask(http::HttpRequest(
        "POST",
        absl::StrCat("/v2/models/", DemoName(a_case), "%40weights/infer"), body,
        headers));
  }

  std::unique_ptr<TestServer> server_;
  // One sentence each.
  std::vector<ConformanceCase> cases_;
};

TEST_F(RestMinilmTest, BinaryTensors) {
  ASSERT_FALSE(cases_.empty());
  for (const ConformanceCase& a_case : cases_) {
    SCOPED_TRACE(a_case.name);
    const auto& data = a_case.queries.data;
    const std::string header =
        json{{"inputs",
              {{{"name", "queries"},
                {"datatype", "FP32"},
                {"shape", a_case.queries.shape.dims()},
                {"parameters", {{"binary_data_size", data.size()}}}}}},
             {"parameters", {{"binary_data_output", true}}}}
            .dump();
    const http::HttpAnswer answer = Post(
        a_case,
        absl::StrCat(header, absl::string_view(
                                 reinterpret_cast<const char*>(data.data()),
                                 data.size())),
        absl::StrCat("Inference-Header-Content-Length: ", header.size(),
                     "\r\n"));

    ASSERT_EQ(answer.status, 200) << answer.body;
    const std::size_t first =
        std::stoul(answer.Header("Inference-Header-Content-Length"));
    ASSERT_EQ(answer.body.size(), first + 4 * (a_case.contexts.size() +
                                               a_case.attn_weights.size()));
    ExpectClose(FloatsAt(answer.body, first, a_case.contexts.size()),
                a_case.contexts, a_case.tolerance);
    ExpectClose(FloatsAt(answer.body, first + 4 * a_case.contexts.size(),
                         a_case.attn_weights.size()),
                a_case.attn_weights, a_case.tolerance);
  }
}

TEST_F(RestMinilmTest, JsonTensors) {
  ASSERT_FALSE(cases_.empty());
  const ConformanceCase& a_case = cases_.front();
  std::vector<float> elements(a_case.queries.data.size() / sizeof(float));
  std::memcpy(elements.data(), a_case.queries.data.data(),
              a_case.queries.data.size());
  const http::HttpAnswer answer =
      Post(a_case,
           json{{"inputs",
                 {{{"name", "queries"},
                   {"datatype", "FP32"},
                   {"shape", a_case.queries.shape.dims()},
                   {"data", elements}}}}}
               .dump(),
           "Content-Type: application/json\r\n");

  ASSERT_EQ(answer.status, 200) << answer.body;
  const json outputs = json::parse(answer.body)["outputs"];
  ExpectClose(outputs[0]["data"].get<std::vector<double>>(), a_case.contexts,
              a_case.tolerance);
  ExpectClose(outputs[1]["data"].get<std::vector<double>>(),
              a_case.attn_weights, a_case.tolerance);
}

}  // namespace
}  // namespace attention
