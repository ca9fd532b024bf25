// The servers that are loaded, and the connections to them.
#include "client/load/deployment.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.grpc.pb.h"
#include "client/cpp/attend_message.h"

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

// Health checks need round_robin; a name with several addresses is used in
// turn, too. Nothing is retried: every call is counted as it ends.
constexpr char kServiceConfig[] =
    R"({"loadBalancingConfig":[{"round_robin":{}}],)"
    R"("healthCheckConfig":{"serviceName":""}})";

// What may be under way on a connection, as attention::Client has it.
constexpr int kWindowBytes = 16 << 20;
constexpr int kAnySize = -1;
constexpr int kMaxReconnectMs = 500;

grpc::ChannelArguments Arguments(const Access& access) {
  grpc::ChannelArguments args;
  args.SetServiceConfigJSON(kServiceConfig);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Otherwise all channels of a process share one connection.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Not MIN_RECONNECT_BACKOFF: it also limits the time of an attempt.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  args.SetMaxReceiveMessageSize(kAnySize);
  args.SetMaxSendMessageSize(kAnySize);
  if (!access.tls_name.empty()) {
    args.SetSslTargetNameOverride(access.tls_name);
  }
  return args;
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Access& access) {
  if (!access.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = access.tls_ca;
  options.pem_private_key = access.tls_key;
  options.pem_cert_chain = access.tls_certificate;
  return grpc::SslCredentials(options);
}

absl::Status CheckAccess(const Access& access) {
  if (access.targets.empty()) {
    return absl::InvalidArgumentError(
        "no target; name a server as --target HOST:PORT");
  }
  if (access.tls_certificate.empty() != access.tls_key.empty()) {
    return absl::InvalidArgumentError(
        "a client certificate takes both --tls-cert and --tls-key");
  }
  return absl::OkStatus();
}

// Runs one of the stub's blocking methods on the first target.
template <typename Request, typename Response>
absl::Status Ask(const Deployment& deployment,
                 grpc::Status (v1::AttentionService::Stub::*method)(
                     grpc::ClientContext*, const Request&, Response*),
                 Response* response) {
  constexpr auto kTimeout = std::chrono::seconds(10);
  const auto stub =
      v1::AttentionService::NewStub(deployment.channels().front());
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + kTimeout);
  if (!deployment.authorization().empty()) {
    context.AddMetadata("authorization", deployment.authorization());
  }
  const grpc::Status status = ((*stub).*method)(&context, Request(), response);
  return {static_cast<absl::StatusCode>(status.error_code()),
          status.error_message()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Connect(
    const Access& access, milliseconds timeout) {
  if (absl::Status status = CheckAccess(access); !status.ok()) return status;
  std::unique_ptr<Deployment> deployment(new Deployment);
  if (!access.token.empty()) {
    deployment->authorization_ = absl::StrCat("Bearer ", access.token);
  }
  // Neighbours in turn are different targets.
  for (int i = 0; i < access.connections; ++i) {
    for (const std::string& target : access.targets) {
      auto channel = grpc::CreateCustomChannel(target, Credentials(access),
                                               Arguments(access));
      channel->GetState(/*try_to_connect=*/true);
      deployment->channels_.push_back(std::move(channel));
    }
  }
  const auto deadline = system_clock::now() + timeout;
  const std::size_t count = deployment->channels_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (deployment->channels_[i]->WaitForConnected(deadline)) continue;
    return absl::UnavailableError(absl::StrCat(
        "target ", access.targets[i % access.targets.size()],
        " cannot be reached, or is not serving, within ", timeout.count(),
        " ms; start it, name another with --target, or see --tls"));
  }
  deployment->healthy_ = std::make_unique<std::atomic<bool>[]>(count);
  for (std::size_t i = 0; i < count; ++i) deployment->healthy_[i] = true;
  return deployment;
}

const std::shared_ptr<grpc::Channel>& Deployment::Next() {
  std::size_t next = 0;
  // Connect has made at least one.
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    next = NextIndex();
    if (IsHealthy(next)) break;
  }
  return channels_[next];
}

void Deployment::RefreshHealth() {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    healthy_[i] = channels_[i]->GetState(/*try_to_connect=*/true) !=
                  GRPC_CHANNEL_TRANSIENT_FAILURE;
  }
}

absl::StatusOr<std::vector<ModelInfo>> Deployment::ListModels() const {
  v1::ListModelsResponse response;
  if (absl::Status status =
          Ask(*this, &v1::AttentionService::Stub::ListModels, &response);
      !status.ok()) {
    return status;
  }
  std::vector<ModelInfo> models;
  for (const v1::Model& model : response.models()) {
    models.push_back(ToModelInfo(model));
  }
  return models;
}

absl::StatusOr<ServerInfo> Deployment::GetServerInfo() const {
  v1::GetServerInfoResponse response;
  if (absl::Status status =
          Ask(*this, &v1::AttentionService::Stub::GetServerInfo, &response);
      !status.ok()) {
    return status;
  }
  return ToServerInfo(response);
}

}  // namespace attention::load
