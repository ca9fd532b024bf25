// A real server inside a test, on ports of its own.
#ifndef TESTS_SUPPORT_SERVER_FIXTURE_H_
#define TESTS_SUPPORT_SERVER_FIXTURE_H_

#include <memory>
#include <string>

#include "attention/v1/attention.grpc.pb.h"
#include "grpcpp/channel.h"
#include "server/base/options.h"
#include "server/server.h"

namespace attention {

// Options for a test: the demo model on any free port of 127.0.0.1, no metrics
// (their HTTP server takes up to two seconds to stop), two workers, errors only
// in the log.
ServerOptions TestServerOptions();

// Created, warmed up and ready; stops when destroyed. Ends the process when the
// server does not start: no test can go on then.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = TestServerOptions());

  // "127.0.0.1:PORT" of gRPC.
  std::string target() const;
  // A new connection that takes messages of any size.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  // On a connection that all callers share.
  v1::AttentionService::Stub& stub() { return *stub_; }
  Server& server() { return *server_; }

  // What an HTTP GET of `path` on the metrics port answers, head and body;
  // needs options.metrics_port = 0.
  std::string HttpGet(const std::string& path) const;
  // The value of a metric without labels; -1 when there is none. Needs
  // options.metrics_port = 0.
  double Metric(const std::string& name) const;
  // Asks until `name` is `value`; false after half a minute
  // (slowdown.h).
  bool WaitForMetric(const std::string& name, double value) const;

 private:
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::AttentionService::Stub> stub_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_SERVER_FIXTURE_H_
