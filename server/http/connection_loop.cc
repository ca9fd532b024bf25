#include "server/http/connection_loop.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "core/base/status_macros.h"

namespace attention::http {
namespace {

// For the headers of a request and for what is read at once of a body. An idle
// connection holds it, and each request clears it.
constexpr std::size_t kConnectionMemory = std::size_t{32} << 10;

// The limit on connections is kept where they are accepted.
constexpr unsigned int kNoLimit = std::numeric_limits<int>::max();

// Paths are decoded by DecodePath, which notices %00.
std::size_t LeaveEscaped(void* /*unused*/, MHD_Connection* /*connection*/,
                         char* text) {
  return std::strlen(text);
}

// How often answers are looked at that are being sent.
constexpr unsigned int kTransfersIntervalMs = 1000;

// Milliseconds as poll() takes them, `longest` at most.
int UntilNextTimeout(MHD_Daemon* daemon, unsigned int longest) {
  MHD_UNSIGNED_LONG_LONG timeout = 0;
  if (MHD_get_timeout(daemon, &timeout) != MHD_YES) timeout = longest;
  return static_cast<int>(std::min<MHD_UNSIGNED_LONG_LONG>(timeout, longest));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionLoop>> ConnectionLoop::Create(
    ExchangeContext context, int idle_seconds,
    std::function<void()> on_closed) {
  std::unique_ptr<ConnectionLoop> loop(
      new ConnectionLoop(std::move(context), std::move(on_closed)));
  ATTENTION_RETURN_IF_ERROR(loop->Start(idle_seconds));
  return loop;
}

ConnectionLoop::ConnectionLoop(ExchangeContext context,
                               std::function<void()> on_closed)
    : on_closed_(std::move(on_closed)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      transfers_(*context.clock),
      context_(std::move(context)) {
  context_.transfers = &transfers_;
  context_.wake = wake_.get();
}

absl::Status ConnectionLoop::Start(int idle_seconds) {
  daemon_.reset(MHD_start_daemon(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET,
      /*port=*/0, nullptr, nullptr, &Exchange::OnAccess, &context_,
      MHD_OPTION_NOTIFY_COMPLETED, &Exchange::OnCompleted, &context_,
      MHD_OPTION_NOTIFY_CONNECTION, &ConnectionLoop::OnConnection, this,
      MHD_OPTION_UNESCAPE_CALLBACK, &LeaveEscaped, nullptr,
      MHD_OPTION_CONNECTION_LIMIT, kNoLimit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      kConnectionMemory, MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned int>(idle_seconds), MHD_OPTION_END));
  if (daemon_ == nullptr || wake_.get() < 0) {
    return absl::ResourceExhaustedError(
        "--http-port: there is no memory, or there are no files, that serving "
        "HTTP takes");
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

ConnectionLoop::~ConnectionLoop() {
  if (!thread_.joinable()) return;
  ending_ = true;
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void ConnectionLoop::Add(net::FileDescriptor socket,
                         const sockaddr_storage& peer, socklen_t peer_size) {
  {
    MutexLock lock(mutex_);
    added_.push_back(
        {.socket = std::move(socket), .peer = peer, .peer_size = peer_size});
  }
  eventfd_write(wake_.get(), 1);
}

void ConnectionLoop::Run() {
  const int connections =
      MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  std::array<pollfd, 2> events = {
      {{.fd = connections, .events = POLLIN, .revents = 0},
       {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
  while (!ending_) {
    poll(
        events.data(), events.size(),
        UntilNextTimeout(daemon_.get(),
                         transfers_.empty() ? kNoLimit : kTransfersIntervalMs));
    eventfd_t wakes = 0;
    eventfd_read(wake_.get(), &wakes);
    ServeAdded();
    transfers_.CutOffLate();
    MHD_run(daemon_.get());
  }
}

void ConnectionLoop::ServeAdded() {
  std::vector<Connection> added;
  {
    MutexLock lock(mutex_);
    added.swap(added_);
  }
  for (Connection& connection : added) {
    started_ = false;
    // Closes the socket when it fails, for lack of memory or of files. A
    // connection that had started by then has its end told of like any other.
    if (MHD_add_connection(daemon_.get(), connection.socket.release(),
                           reinterpret_cast<const sockaddr*>(&connection.peer),
                           connection.peer_size) != MHD_YES &&
        !started_) {
      on_closed_();
    }
  }
}

void ConnectionLoop::OnConnection(void* self, MHD_Connection* /*connection*/,
                                  void** /*unused*/,
                                  MHD_ConnectionNotificationCode code) {
  auto* const loop = static_cast<ConnectionLoop*>(self);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) loop->started_ = true;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) loop->on_closed_();
}

}  // namespace attention::http
