// Proves that requests are counted by model and code, that clients cannot make
// time series, and that a metrics port in use is told.
#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"
#include "tests/support/slowdown.h"

namespace attention {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ServerOptions WithMetrics() {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  return options;
}

grpc::Status Attend(TestServer& server, const v1::AttendRequest& request) {
  grpc::ClientContext context;
  v1::AttendResponse response;
  return server.stub().Attend(&context, request, &response);
}

TEST(MetricsTest, RequestsAreCountedByModelAndCode) {
  TestServer server(WithMetrics());
  EXPECT_TRUE(Attend(server, SmallSdpaRequest()).ok());
  EXPECT_TRUE(Attend(server, SmallSdpaRequest()).ok());
  EXPECT_TRUE(Attend(server, SelfAttention("minilm/1", 1, 5, 384)).ok());
  EXPECT_FALSE(Attend(server, SelfAttention("minilm/1", 1, 5, 383)).ok());
  for (int i = 0; i < 20; ++i) {
    const std::string name = "no-such-model-" + std::to_string(i);
    EXPECT_FALSE(Attend(server, SelfAttention(name, 1, 5, 384)).ok());
  }
  const std::string text = server.HttpGet("/metrics");
  for (const char* line :
       {"attention_requests_total{code=\"OK\",model=\"sdpa\"} 2\n",
        "attention_requests_total{code=\"OK\",model=\"minilm/1\"} 1\n",
        "attention_requests_total{code=\"INVALID_ARGUMENT\",model=\"minilm/1\"}"
        " 1\n",
        "attention_requests_total{code=\"NOT_FOUND\",model=\"unknown\"} 20\n",
        "attention_tokens_total{model=\"sdpa\"} 12\n",
        "attention_tokens_total{model=\"minilm/1\"} 5\n",
        "attention_queue_seconds_count 3\n",
        "attention_compute_seconds_count 3\n",
        "attention_batch_requests_count 3\n", "attention_batch_tokens_sum 17\n",
        "attention_queued_requests 0\n", "attention_queued_tokens 0\n",
        "attention_running_requests 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("version=\"" ATTENTION_VERSION "\""));
  EXPECT_THAT(text, Not(HasSubstr("no-such-model")));
}

// gRPC cancels a call at its deadline: it must not be counted as the caller's
// change of mind.
TEST(MetricsTest, ADeadlineThatPassesIsCountedAsSuch) {
  TestServer server(WithMetrics());
  // Far more work than the deadline allows, in a message of 25 MB.
  const v1::AttendRequest request = SelfAttention("minilm/0", 1, 16384, 384);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(200) * kSlowdown);
  v1::AttendResponse response;
  const grpc::Status status =
      server.stub().Attend(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_TRUE(server.WaitForMetric("attention_open_requests", 0));
  EXPECT_THAT(server.HttpGet("/metrics"),
              HasSubstr("attention_requests_total{code=\"DEADLINE_EXCEEDED\","
                        "model=\"minilm/0\"} 1\n"));
}

TEST(MetricsTest, APortInUseIsTold) {
  TestServer first(WithMetrics());
  ServerOptions options = WithMetrics();
  options.metrics_port = first.server().ports().metrics;
  const auto second = Server::Create(options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(second.status().message()),
      HasSubstr("--metrics-port: cannot listen on 127.0.0.1:" +
                std::to_string(options.metrics_port) + "; the port is in use"));
}

}  // namespace
}  // namespace attention
