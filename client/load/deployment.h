// The servers that are loaded, and the connections to them.
#ifndef CLIENT_LOAD_DEPLOYMENT_H_
#define CLIENT_LOAD_DEPLOYMENT_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"

namespace attention::load {

// How servers are reached.
struct Access {
  std::vector<std::string> targets{};  // "host:port", used in turn
  int connections = 1;                 // to each target
  bool tls = false;
  // Contents of PEM files; empty: the system's roots, no certificate.
  std::string tls_ca{};
  std::string tls_certificate{};
  std::string tls_key{};
  // The name to expect in the server's certificate; empty: the target's host.
  std::string tls_name{};
  // Sent as "authorization: Bearer TOKEN"; empty: none.
  std::string token{};
};

// Thread-safe.
class Deployment {
 public:
  // Waits until every target is connected and says that it serves.
  // InvalidArgument without a target, or for a certificate without its key;
  // Unavailable with the target that cannot be reached, with this TLS if any,
  // or is not serving within `timeout`.
  static absl::StatusOr<std::unique_ptr<Deployment>> Connect(
      const Access& access, std::chrono::milliseconds timeout);

  // The next connection in turn. Those whose server is lost or says
  // NOT_SERVING (grpc.health.v1) are left out while there are others.
  const std::shared_ptr<grpc::Channel>& Next();

  const std::vector<std::shared_ptr<grpc::Channel>>& channels() const {
    return channels_;
  }
  // The index in channels() of the next one in turn, whatever its health.
  std::size_t NextIndex() { return turn_++ % channels_.size(); }
  // Whether the server of channels()[index] was there and served when
  // RefreshHealth looked.
  bool IsHealthy(std::size_t index) const { return healthy_[index]; }

  // The value of the header "authorization"; empty: none.
  const std::string& authorization() const { return authorization_; }

  // What the first target serves, and what it is. Unimplemented and other
  // errors are the server's.
  absl::StatusOr<std::vector<ModelInfo>> ListModels() const;
  absl::StatusOr<ServerInfo> GetServerInfo() const;

  // Looks at the connections again; cheap enough for ten times a second.
  void RefreshHealth();

 private:
  Deployment() = default;

  std::string authorization_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::unique_ptr<std::atomic<bool>[]> healthy_;  // one for each channel
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_DEPLOYMENT_H_
