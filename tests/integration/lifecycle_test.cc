// Proves how the server starts and leaves: ports, exit codes, signals, and that
// what was accepted is answered.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"
#include "tests/support/server_process.h"
#include "tests/support/slowdown.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

// The value of `key=` in a line of the log.
std::string ValueOf(const std::string& line, const std::string& key) {
  const std::size_t at = line.find(" " + key + "=");
  if (at == std::string::npos) return "";
  const std::size_t start = at + key.size() + 2;
  return line.substr(start, line.find_first_of(" \n", start) - start);
}

std::vector<std::string> Args(const std::vector<std::string>& more = {}) {
  std::vector<std::string> args = {"--demo-model", "--host=127.0.0.1",
                                   "--grpc-port=0", "--http-port=-1",
                                   "--metrics-port=-1"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

// Lines of the log at level error.
int ErrorLines(const std::string& log) {
  int count = 0;
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (absl::StrContains(line, " error ")) ++count;
  }
  return count;
}

TEST(LifecycleTest, ReadyWithinASecond) {
  ServerProcess server(Args());
  const std::string line = server.WaitForLine(" ready ");
  double seconds = 0;
  ASSERT_TRUE(absl::SimpleAtod(ValueOf(line, "seconds"), &seconds)) << line;
  EXPECT_LT(seconds, 1.0 * kSlowdown);
}

TEST(LifecycleTest, SigtermAndSigintLeaveWithZero) {
  for (const int signal_number : {SIGTERM, SIGINT}) {
    ServerProcess server(Args());
    ASSERT_NE(server.WaitForLine(" ready "), "") << server.log();
    server.Signal(signal_number);
    EXPECT_EQ(server.Wait(), 0);
    EXPECT_THAT(server.log(), HasSubstr(" stopped drained=true"));
  }
}

TEST(LifecycleTest, ASecondSignalLeavesAtOnce) {
  ServerProcess server(Args({"--drain-delay-seconds=600"}));
  ASSERT_NE(server.WaitForLine(" ready "), "") << server.log();
  server.Signal(SIGTERM);
  ASSERT_NE(server.WaitForLine(" stopping "), "") << server.log();
  server.Signal(SIGINT);
  EXPECT_EQ(server.Wait(), 128 + SIGINT);
}

TEST(LifecycleTest, ASignalBeforeTheServerIsReadyLeavesAtOnce) {
  // Where the port file is written first: a pipe that nobody reads holds the
  // start up for ever.
  const std::string path = ::testing::TempDir() + "attention_pipe";
  const std::string pipe = path + ".tmp";
  unlink(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const int signal_number : {SIGTERM, SIGINT}) {
    ServerProcess server(Args({"--log-level=debug", "--port-file=" + path}));
    ASSERT_NE(server.WaitForLine("model=minilm/5"), "") << server.log();
    server.Signal(signal_number);
    EXPECT_EQ(server.Wait(), 128 + signal_number);
  }
  unlink(pipe.c_str());
}

TEST(LifecycleTest, PortFileHoldsThePorts) {
  const std::string path = ::testing::TempDir() + "attention_ports";
  ServerProcess server(Args({"--port-file=" + path}));
  const std::string port =
      ValueOf(server.WaitForLine(" listening "), "grpc_port");
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), absl::StrCat("grpc_port=", port,
                                     "\nhttp_port=-1\nmetrics_port=-1\n"));
}

TEST(LifecycleTest, APortInUseIsOneLineAndExitCodeTwo) {
  TestServer first;
  const std::string port = std::to_string(first.server().ports().grpc);
  ServerProcess second({"--host=127.0.0.1", "--grpc-port=" + port});
  EXPECT_EQ(second.Wait(), 2);
  EXPECT_EQ(ErrorLines(second.log()), 1) << second.log();
  EXPECT_THAT(second.log(),
              HasSubstr("--grpc-port: cannot listen on 127.0.0.1:" + port +
                        "; the port is in use"));
}

TEST(LifecycleTest, AFlagOutOfRangeIsExitCodeTwo) {
  ServerProcess server({"--workers=5000", "--grpc-port=70000"});
  EXPECT_EQ(server.Wait(), 2);
  EXPECT_THAT(server.log(),
              HasSubstr("--grpc-port is 70000, allowed is [0, 65535]\n"
                        "--workers is 5000, allowed is [0, 1024]\n"));
}

TEST(LifecycleTest, AModelThatIsNotThereIsExitCodeTwo) {
  ServerProcess server(Args({"--model=bert=/no/such/directory"}));
  EXPECT_EQ(server.Wait(), 2);
  EXPECT_EQ(ErrorLines(server.log()), 1) << server.log();
  EXPECT_THAT(server.log(), HasSubstr("--model bert=/no/such/directory: "));
}

TEST(LifecycleTest, JsonLogIsOneObjectALine) {
  ServerProcess server(Args({"--log-format=json"}));
  const std::string line = server.WaitForLine("\"event\":\"ready\"");
  EXPECT_EQ(line.front(), '{');
  EXPECT_THAT(line, HasSubstr("\"level\":\"info\""));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(LifecycleTest, WhatWasAcceptedIsAnswered) {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  options.engine.num_workers = 1;
  TestServer server(options);
  // Little to send and much to compute: none is done before all have arrived.
  v1::AttendRequest request;
  request.set_model("sdpa");
  *request.mutable_queries() = RampTensor({1, 4096, 16, 8});
  constexpr int kCalls = 8;
  std::vector<grpc::ClientContext> contexts(kCalls);
  std::vector<v1::AttendResponse> responses(kCalls);
  std::vector<std::promise<grpc::Status>> done(kCalls);
  for (std::size_t i = 0; i < kCalls; ++i) {
    server.stub().async()->Attend(
        &contexts[i], &request, &responses[i],
        [&, i](const grpc::Status& status) { done[i].set_value(status); });
  }
  // Until the engine has them all. Those that run are asked for first: a
  // request that begins to run in between counts not at all rather than twice.
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(60) * kSlowdown;
  for (double accepted = 0; accepted < kCalls;) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << accepted;
    accepted = server.Metric("attention_running_requests");
    accepted += server.Metric("attention_queued_requests");
  }
  server.server().Stop();
  for (std::promise<grpc::Status>& each : done) {
    const grpc::Status status = each.get_future().get();
    EXPECT_TRUE(status.ok())
        << status.error_code() << " " << status.error_message();
  }
}

TEST(LifecycleTest, StopsAndStartsAgainOnTheSamePort) {
  ServerOptions options = TestServerOptions();
  {
    TestServer server(options);
    options.grpc_port = server.server().ports().grpc;
  }
  TestServer again(options);
  grpc::ClientContext context;
  v1::AttendResponse response;
  EXPECT_TRUE(
      again.stub().Attend(&context, SmallSdpaRequest(), &response).ok());
}

}  // namespace
}  // namespace attention
