// Proves, over real sockets, that the server answers the Open Inference
// Protocol by HTTP, and that a request which is not done when it has to stop is
// given up and told so.
#include <chrono>
#include <cstdint>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/http/http_client.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

ServerOptions WithHttp() {
  ServerOptions options = TestServerOptions();
  options.http_port = 0;
  return options;
}

// Self-attention of a model over one sequence of zeros.
std::string InferRequest(std::int64_t tokens,
                         const std::string& model = "minilm/0") {
  const std::int64_t bytes = tokens * 384 * 4;
  const std::string header = absl::StrCat(
      R"({"inputs":[{"name":"queries","datatype":"FP32","shape":[1,)", tokens,
      R"(,384],"parameters":{"binary_data_size":)", bytes, "}}]}");
  return http::HttpRequest(
      "POST", absl::StrCat("/v2/models/", model, "/infer"),
      header + std::string(static_cast<std::size_t>(bytes), '\0'),
      absl::StrCat("Inference-Header-Content-Length: ", header.size(), "\r\n"));
}

TEST(HttpTest, AnswersOnItsPort) {
  TestServer server(WithHttp());
  http::HttpClient client(server.server().ports().http);
  const http::HttpAnswer answer = client.Ask(InferRequest(2));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto json = nlohmann::json::parse(answer.body);
  EXPECT_EQ(json["outputs"][0]["shape"].dump(), "[1,2,384]");
  EXPECT_EQ(client.Ask(http::HttpRequest("GET", "/v2/health/ready")).body,
            R"({"ready":true})");
}

TEST(HttpTest, WhatIsNotDoneInTimeIsGivenUp) {
  ServerOptions options = WithHttp();
  options.metrics_port = 0;
  options.drain_seconds = 0;
  TestServer server(options);
  http::HttpClient client(server.server().ports().http);
  // Many seconds of work on any machine.
  ASSERT_TRUE(client.Send(InferRequest(60000)));
  ASSERT_TRUE(server.WaitForMetric("attention_running_requests", 1));
  server.server().Stop();
  EXPECT_THAT(client.Read().body, HasSubstr("cancelled"));
}

TEST(HttpTest, AnswersAreSentForAsLongAsDrainingMayTake) {
  ServerOptions options = WithHttp();
  options.metrics_port = 0;
  options.drain_seconds = 600;
  TestServer server(options);
  http::HttpClient client(server.server().ports().http);
  // 12 heads of 512 x 512 numbers: far more than sockets hold.
  ASSERT_TRUE(client.Send(InferRequest(512, "minilm/0@weights")));
  ASSERT_TRUE(server.WaitForMetric("attention_compute_seconds_count", 1));
  EXPECT_EQ(server.Metric("attention_open_requests"), 1);
  std::future<void> stopped =
      std::async(std::launch::async, [&server] { server.server().Stop(); });
  // Longer than the listener alone waits for clients to read.
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(6)),
            std::future_status::timeout);
  const http::HttpAnswer answer = client.Read();
  EXPECT_EQ(absl::StrCat(answer.body.size()), answer.Header("Content-Length"));
  stopped.get();
}

}  // namespace
}  // namespace attention
