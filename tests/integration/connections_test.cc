// Proves that the server gets over more connections than it has files for.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "attention/v1/attention.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/server/http/http_client.h"
#include "tests/support/server_process.h"
#include "tests/support/slowdown.h"

namespace attention {
namespace {

// What a new client hears of the server at `address`.
grpc::Status Ask(const std::string& address) {
  const auto stub = v1::AttentionService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() +
                       kSlowdown * std::chrono::seconds(60));
  v1::GetServerInfoResponse response;
  return stub->GetServerInfo(&context, {}, &response);
}

TEST(ConnectionsTest, ServesAgainAfterAllFilesWereInUse) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string address = server.WaitForAddress();
  ASSERT_NE(address, "") << server.log();
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(parts.back(), &port)) << address;
  ASSERT_TRUE(Ask(address).ok());

  server.LimitFiles(64);
  std::vector<std::unique_ptr<http::HttpClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<http::HttpClient>(port));
  }
  ASSERT_NE(server.WaitForLine("too_many_connections"), "") << server.log();
  clients.clear();
  EXPECT_TRUE(Ask(address).ok());
}

}  // namespace
}  // namespace attention
