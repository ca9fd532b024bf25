#include "server/http/http_listener.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/http/connection_loop.h"
#include "server/http/error_response.h"
#include "server/http/exchange.h"
#include "server/net/acceptor.h"
#include "server/net/file_descriptor.h"
#include "server/net/listening_sockets.h"

namespace attention::http {
namespace {

constexpr std::chrono::seconds kLastAnswers{5};

// They read, write and run handlers, and wait for nothing, so that a few serve
// all connections. At least two, as copying or decompressing a large body holds
// up the other connections of its thread; half of the CPUs, as the others
// compute.
unsigned int NumLoops() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 2U, 8U);
}

std::string TooManyConnections(int max_connections) {
  return LastErrorText(
      "503 Service Unavailable",
      absl::StrCat("connections: there are ", max_connections,
                   " already, or as many as there are files for; keep fewer "
                   "open, or try again later"));
}

}  // namespace

absl::string_view Request::Header(absl::string_view name) const {
  for (const auto& [header, value] : headers) {
    if (absl::EqualsIgnoreCase(header, name)) return value;
  }
  return {};
}

class HttpListener::Impl {
 public:
  Impl(const ListenerOptions& options, Handler handler);
  ~Impl() { Shutdown(); }

  absl::Status Start(const ListenerOptions& options);
  void CloseConnections();
  void Shutdown();
  int port() const { return port_; }

 private:
  bool OnConnection(net::FileDescriptor& socket, const sockaddr_storage& peer,
                    socklen_t peer_size);

  const int max_connections_;
  std::atomic<int> connections_ = 0;
  OpenExchanges open_;
  ExchangeContext context_;
  // Outlives the loops, whose connections may linger there.
  std::unique_ptr<net::Acceptor> acceptor_;
  std::vector<std::unique_ptr<ConnectionLoop>> loops_;
  // Of the acceptor's thread: the loop that gets the next connection.
  std::size_t next_loop_ = 0;
  int port_ = 0;
};

HttpListener::Impl::Impl(const ListenerOptions& options, Handler handler)
    : max_connections_(options.max_connections) {
  context_.handler = std::move(handler);
  context_.max_body_bytes = options.max_body_bytes;
  context_.body_memory = std::make_shared<BodyMemory>();
  context_.body_memory->limit_bytes = options.max_total_body_bytes;
  context_.open = &open_;
  context_.clock = options.clock;
  context_.linger = [this](int socket) { acceptor_->Linger(socket); };
}

absl::Status HttpListener::Impl::Start(const ListenerOptions& options) {
  ATTENTION_ASSIGN_OR_RETURN(
      net::ListeningSockets listening,
      net::Listen("--http-port", options.host, options.port));
  port_ = listening.port;
  acceptor_ = std::make_unique<net::Acceptor>(
      std::move(listening.sockets), TooManyConnections(max_connections_),
      [this](net::FileDescriptor& socket, const sockaddr_storage& peer,
             socklen_t peer_size) {
        return OnConnection(socket, peer, peer_size);
      });
  for (unsigned int i = 0; i < NumLoops(); ++i) {
    ATTENTION_ASSIGN_OR_RETURN(
        loops_.emplace_back(),
        ConnectionLoop::Create(context_, options.idle_seconds,
                               [this] { --connections_; }));
  }
  return acceptor_->Start();
}

bool HttpListener::Impl::OnConnection(net::FileDescriptor& socket,
                                      const sockaddr_storage& peer,
                                      socklen_t peer_size) {
  if (connections_.load() >= max_connections_) return false;
  ++connections_;
  loops_[next_loop_]->Add(std::move(socket), peer, peer_size);
  next_loop_ = (next_loop_ + 1) % loops_.size();
  return true;
}

void HttpListener::Impl::CloseConnections() {
  open_.StopKeepAlive();
  acceptor_->Close();
}

void HttpListener::Impl::Shutdown() {
  if (loops_.empty()) return;
  CloseConnections();
  // libmicrohttpd cannot stop while an answer is missing, and cuts off those
  // that are being sent.
  open_.Drain(kLastAnswers);
  loops_.clear();
  acceptor_.reset();
}

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Create(
    const ListenerOptions& options, Handler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  ATTENTION_RETURN_IF_ERROR(impl->Start(options));
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(impl)));
}

HttpListener::HttpListener(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

HttpListener::~HttpListener() { Shutdown(); }

void HttpListener::CloseConnections() { impl_->CloseConnections(); }

void HttpListener::Shutdown() { impl_->Shutdown(); }

int HttpListener::port() const { return impl_->port(); }

}  // namespace attention::http
