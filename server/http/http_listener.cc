#include "server/http/http_listener.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "microhttpd.h"
#include "server/http/acceptor.h"
#include "server/http/error_response.h"
#include "server/http/exchange.h"
#include "server/http/listening_sockets.h"

namespace attention::http {
namespace {

// For the headers of a request and for what is read at once of a body. An idle
// connection holds it, and each request clears it.
constexpr std::size_t kConnectionMemory = std::size_t{32} << 10;

constexpr std::chrono::seconds kLastAnswers{5};

// They read, write and run handlers, and wait for nothing, so that a few serve
// all connections. At least two, as a handler that parses a large body holds up
// the other connections of its thread; half of the CPUs, as the others compute.
unsigned int NumThreads() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 2U, 8U);
}

std::string TooManyConnections(int max_connections) {
  const std::string json =
      ErrorJson(absl::StrCat("connections: there are ", max_connections,
                             " already; keep fewer open, or try again later"));
  return absl::StrCat(
      "HTTP/1.1 503 Service Unavailable\r\n"
      "Connection: close\r\n"
      "Content-Type: application/json\r\n"
      "Content-Length: ",
      json.size(), "\r\n\r\n", json);
}

// Paths are decoded by DecodePath, which notices %00.
std::size_t LeaveEscaped(void* /*unused*/, MHD_Connection* /*connection*/,
                         char* text) {
  return std::strlen(text);
}

struct StopMhdDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

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
  absl::Status StartDaemon(const ListenerOptions& options);
  bool AddConnection(int socket, const sockaddr* address, socklen_t size);
  static void OnConnection(void* self, MHD_Connection* connection,
                           void** unused, MHD_ConnectionNotificationCode code);

  const int max_connections_;
  std::atomic<int> connections_ = 0;
  ExchangeContext context_;
  // Outlives the daemon, whose connections may linger there.
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<MHD_Daemon, StopMhdDaemon> daemon_;
  int port_ = 0;
};

HttpListener::Impl::Impl(const ListenerOptions& options, Handler handler)
    : max_connections_(options.max_connections) {
  context_.handler = std::move(handler);
  context_.max_body_bytes = options.max_body_bytes;
  context_.body_memory = std::make_shared<BodyMemory>();
  context_.body_memory->limit_bytes = options.max_total_body_bytes;
  context_.linger = [this](int socket) { acceptor_->Linger(socket); };
}

absl::Status HttpListener::Impl::Start(const ListenerOptions& options) {
  ATTENTION_ASSIGN_OR_RETURN(ListeningSockets listening,
                             Listen(options.host, options.port));
  port_ = listening.port;
  acceptor_ = std::make_unique<Acceptor>(
      std::move(listening.sockets), TooManyConnections(max_connections_),
      [this](int socket, const sockaddr* address, socklen_t size) {
        return AddConnection(socket, address, size);
      });
  ATTENTION_RETURN_IF_ERROR(StartDaemon(options));
  acceptor_->Start();
  return absl::OkStatus();
}

absl::Status HttpListener::Impl::StartDaemon(const ListenerOptions& options) {
  const unsigned int threads = NumThreads();
  // libmicrohttpd's own limit is for each thread, and closes without a word.
  const auto never_reached =
      static_cast<unsigned int>(max_connections_) * 2 * threads;
  daemon_.reset(MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
          MHD_USE_NO_LISTEN_SOCKET,
      /*port=*/0, nullptr, nullptr, &Exchange::OnAccess, &context_,
      MHD_OPTION_NOTIFY_COMPLETED, &Exchange::OnCompleted, &context_,
      MHD_OPTION_NOTIFY_CONNECTION, &Impl::OnConnection, this,
      MHD_OPTION_UNESCAPE_CALLBACK, &LeaveEscaped, nullptr,
      MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
      never_reached, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,
      MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned int>(options.idle_seconds), MHD_OPTION_END));
  if (daemon_ != nullptr) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("--http-port: there is no memory, or there are not the ",
                   threads, " threads, that serving HTTP takes"));
}

bool HttpListener::Impl::AddConnection(int socket, const sockaddr* address,
                                       socklen_t size) {
  if (connections_.load() >= max_connections_) return false;
  ++connections_;
  // Closes the socket when it fails, which only a lack of memory can cause.
  if (MHD_add_connection(daemon_.get(), socket, address, size) != MHD_YES) {
    --connections_;
  }
  return true;
}

void HttpListener::Impl::OnConnection(void* self,
                                      MHD_Connection* /*connection*/,
                                      void** /*unused*/,
                                      MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    --static_cast<Impl*>(self)->connections_;
  }
}

void HttpListener::Impl::CloseConnections() {
  context_.open.StopKeepAlive();
  acceptor_->Close();
}

void HttpListener::Impl::Shutdown() {
  if (daemon_ == nullptr) return;
  CloseConnections();
  // libmicrohttpd cannot stop while an answer is missing, and cuts off those
  // that are being sent.
  context_.open.Drain(kLastAnswers);
  daemon_.reset();
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
