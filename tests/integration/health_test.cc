// Proves what grpc.health.v1 and reflection say from start to stop.
#include <string>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/support/raw_rpc.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// HealthCheckRequest { string service = 1; }, of less than 128 bytes.
std::string HealthRequest(const std::string& service) {
  if (service.empty()) return "";
  return std::string("\x0a") + static_cast<char>(service.size()) + service;
}

// HealthCheckResponse { ServingStatus status = 1; }.
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";

TEST(HealthTest, ServingOnceWarm) {
  auto server = Server::Create(TestServerOptions());
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel = grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*server)->ports().grpc),
      grpc::InsecureChannelCredentials());
  const char* services[] = {"", "attention.v1.AttentionService",
                            "grpc.health.v1.Health"};
  for (const char* service : services) {
    EXPECT_EQ(RawUnary(channel, kCheck, HealthRequest(service)).bytes,
              kNotServing)
        << service;
  }
  ASSERT_TRUE((*server)->WarmUp().ok());
  for (const char* service : services) {
    EXPECT_EQ(RawUnary(channel, kCheck, HealthRequest(service)).bytes, kServing)
        << service;
  }
}

TEST(HealthTest, UnknownServiceIsNotFound) {
  TestServer server;
  EXPECT_EQ(RawUnary(server.NewChannel(), kCheck, HealthRequest("nobody"))
                .status.error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST(HealthTest, WatchersAreToldOfTheStop) {
  ServerOptions options = TestServerOptions();
  // Long enough for the word to arrive before the connection ends.
  options.drain_delay_seconds = 0.5;
  TestServer server(options);
  const auto channel = server.NewChannel();
  RawStream watcher(channel, kWatch, {HealthRequest("")});
  EXPECT_EQ(RawUnary(channel, kCheck, "").bytes, kServing);
  server.server().Stop();
  EXPECT_FALSE(watcher.Wait().ok());
  EXPECT_EQ(watcher.answers().back(), kNotServing);
}

TEST(HealthTest, ReflectionListsTheServices) {
  TestServer server;
  // ServerReflectionRequest { string list_services = 7; }.
  RawStream stream(
      server.NewChannel(),
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      {std::string("\x3a\x01*")});
  EXPECT_TRUE(stream.Wait().ok());
  EXPECT_THAT(stream.answers(),
              ElementsAre(HasSubstr("attention.v1.AttentionService")));
}

}  // namespace
}  // namespace attention
