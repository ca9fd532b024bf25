#include "server/grpc_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <utility>

#include "core/base/status_macros.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/base/library_logs.h"
#include "server/inference/inference_service.h"
#include "server/net/acceptor.h"
#include "server/net/file_descriptor.h"
#include "server/net/listening_sockets.h"
#include "server/typed/attention_service.h"

namespace attention {
namespace {

// A client may ping this often, with or without calls; gRPC's own limit of five
// minutes cuts off clients behind load balancers that forget idle connections.
constexpr int kMinPingIntervalMs = 10000;

// What may be under way of one request: 300 MB/s at 50 ms of delay.
constexpr int kWindowBytes = 16 << 20;

// Calls of one connection at a time; a client with more waits or connects
// again.
constexpr int kMaxConcurrentStreams = 1024;

constexpr std::chrono::milliseconds kCancelInterval{20};

void Configure(const ServerOptions& options, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
  // compressed_message.h does it, with a limit.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // convert_outputs.h has limited the tensors before they were computed.
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxConcurrentStreams);
  // Probing for bandwidth now and then holds a message of megabytes back for
  // ten seconds (gRPC 1.51); a fixed window serves fast and far links alike.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kWindowBytes);
}

}  // namespace

class GrpcListener::Impl {
 public:
  explicit Impl(const oip::InferenceContext& context)
      : attention_(context.service), inference_(context) {}

  absl::Status Start(const ServerOptions& options);
  void SetServing(bool serving);
  void CloseConnections();
  void Shutdown();
  int port() const { return port_; }

 private:
  absl::Status Listen(const ServerOptions& options);
  void Serve(net::FileDescriptor socket);

  // Destroyed after the server that calls it.
  AttentionService attention_;
  oip::InferenceService inference_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<net::Acceptor> acceptor_;
  // grpc::Server::Shutdown, which returns when the last call has ended.
  std::future<void> closing_;
  int port_ = 0;
};

absl::Status GrpcListener::Impl::Start(const ServerOptions& options) {
  RouteLibraryLogs();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(options, builder);
  connections_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.RegisterService(&attention_);
  builder.RegisterService(&inference_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::ResourceExhaustedError(
        "gRPC: could not start; the system has no threads or files left");
  }
  // gRPC's own health service begins with SERVING.
  SetServing(false);
  return Listen(options);
}

absl::Status GrpcListener::Impl::Listen(const ServerOptions& options) {
  ATTENTION_ASSIGN_OR_RETURN(
      net::ListeningSockets listening,
      net::Listen("--grpc-port", options.host, options.grpc_port));
  port_ = listening.port;
  // HTTP/2 has no word for a client that is one too many: it reads the end of
  // the connection, and tries again later.
  acceptor_ = std::make_unique<net::Acceptor>(
      std::move(listening.sockets), "",
      [this](net::FileDescriptor& socket, const sockaddr_storage&, socklen_t) {
        Serve(std::move(socket));
        return true;
      });
  return acceptor_->Start();
}

void GrpcListener::Impl::Serve(net::FileDescriptor socket) {
  // As gRPC does it: an answer's last piece waits for nothing.
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      connection;
  connection.fd = socket.release();
  connections_->HandleNewConnection(&connection);
}

void GrpcListener::Impl::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* const health =
      server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const char* service :
       {v1::AttentionService::service_full_name(),
        ::inference::GRPCInferenceService::service_full_name(),
        "grpc.health.v1.Health"}) {
    health->SetServingStatus(service, serving);
  }
}

void GrpcListener::Impl::CloseConnections() {
  if (acceptor_ != nullptr) acceptor_->Close();
  closing_ = std::async(std::launch::async, [this] { server_->Shutdown(); });
}

void GrpcListener::Impl::Shutdown() {
  if (server_ == nullptr) return;
  if (!closing_.valid()) CloseConnections();
  // Somebody may still watch our health, which gRPC would wait for. Again and
  // again, as the other thread may not have begun yet.
  do {
    grpc_server_cancel_all_calls(server_->c_server());
  } while (closing_.wait_for(kCancelInterval) == std::future_status::timeout);
  acceptor_.reset();
  server_.reset();
}

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Create(
    const oip::InferenceContext& context) {
  auto impl = std::make_unique<Impl>(context);
  ATTENTION_RETURN_IF_ERROR(impl->Start(context.service.options));
  return std::unique_ptr<GrpcListener>(new GrpcListener(std::move(impl)));
}

GrpcListener::GrpcListener(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

GrpcListener::~GrpcListener() { Shutdown(); }

void GrpcListener::SetServing(bool serving) { impl_->SetServing(serving); }

void GrpcListener::CloseConnections() { impl_->CloseConnections(); }

void GrpcListener::Shutdown() { impl_->Shutdown(); }

int GrpcListener::port() const { return impl_->port(); }

}  // namespace attention
