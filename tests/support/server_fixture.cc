#include "tests/support/server_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "server/base/log.h"
#include "tests/support/slowdown.h"

namespace attention {
namespace {

void RequireOk(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "test server: %s: %s\n", what,
               status.ToString().c_str());
  std::abort();
}

}  // namespace

ServerOptions TestServerOptions() {
  ServerOptions options;
  options.host = "127.0.0.1";
  options.grpc_port = 0;
  options.http_port = -1;
  options.metrics_port = -1;
  options.demo_model = true;
  options.engine.num_workers = 2;
  options.log_level = "error";
  options.drain_seconds *= kSlowdown;
  return options;
}

TestServer::TestServer(ServerOptions options) {
  ConfigureLog(options.log_level, options.log_format);
  auto server = Server::Create(std::move(options));
  RequireOk(server.status(), "Create");
  server_ = *std::move(server);
  RequireOk(server_->WarmUp(), "WarmUp");
  stub_ = v1::AttentionService::NewStub(NewChannel());
}

std::string TestServer::target() const {
  return absl::StrCat("127.0.0.1:", server_->ports().grpc);
}

std::shared_ptr<grpc::Channel> TestServer::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A connection of its own, not one of the process's pool.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::string TestServer::HttpGet(const std::string& path) const {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(server_->ports().metrics));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    const std::string request =
        absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: localhost\r\n\r\n");
    if (write(fd, request.data(), request.size()) > 0) {
      char buffer[4096];
      ssize_t count = 0;
      while ((count = read(fd, buffer, sizeof(buffer))) > 0) {
        answer.append(buffer, static_cast<std::size_t>(count));
      }
    }
  }
  close(fd);
  return answer;
}

double TestServer::Metric(const std::string& name) const {
  const std::string answer = HttpGet("/metrics");
  for (absl::string_view line : absl::StrSplit(answer, '\n')) {
    double value = -1;
    if (absl::ConsumePrefix(&line, name + " ") &&
        absl::SimpleAtod(line, &value)) {
      return value;
    }
  }
  return -1;
}

bool TestServer::WaitForMetric(const std::string& name, double value) const {
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(30) * kSlowdown;
  while (Metric(name) != value) {
    if (std::chrono::steady_clock::now() > limit) return false;
  }
  return true;
}

}  // namespace attention
