#include "server/net/acceptor.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "server/base/file_limit.h"
#include "server/base/log.h"

namespace attention::net {
namespace {

// How often it looks at lingering connections that stay silent, and whether the
// process has sockets again.
constexpr int kIntervalMs = 200;
// At once, before lingering connections get their turn: as many as can wait.
constexpr int kMaxAccepts = SOMAXCONN;
// Whoever opens too many connections should not fill the log as well.
constexpr std::chrono::minutes kWarningInterval{1};

}  // namespace

Acceptor::Acceptor(std::vector<FileDescriptor> listening, std::string refusal,
                   OnConnection on_connection)
    : refusal_(std::move(refusal)),
      on_connection_(std::move(on_connection)),
      max_descriptor_(MaxConnectionDescriptor()),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      listening_(std::move(listening)) {}

Acceptor::~Acceptor() {
  if (!thread_.joinable()) return;
  SetState(State::kEnding);
  Wake();
  thread_.join();
}

absl::Status Acceptor::Start() {
  if (wake_.get() < 0) {
    return absl::ResourceExhaustedError(
        "connections: the system has no files left to accept them with");
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Acceptor::Close() {
  if (!thread_.joinable()) return;
  MutexLock lock(mutex_);
  if (state_ == State::kAccepting) state_ = State::kClosing;
  Wake();
  while (state_ == State::kClosing) changed_.wait(mutex_);
}

void Acceptor::Linger(int socket) {
  lingering_.Add(socket);
  Wake();
}

void Acceptor::Run() {
  std::vector<pollfd> events;
  while (true) {
    events = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    if (!out_of_sockets_) {
      for (const FileDescriptor& socket : listening_) {
        events.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
      }
    }
    lingering_.AddTo(events);
    const bool has_to_look = events.size() > 1 + listening_.size();
    poll(events.data(), events.size(),
         has_to_look || out_of_sockets_ ? kIntervalMs : -1);
    eventfd_t wakes = 0;
    eventfd_read(wake_.get(), &wakes);
    // Asked before the last look at the port.
    const State wanted = state();
    if (wanted == State::kEnding) return;
    AcceptAll();
    if (wanted == State::kClosing) {
      listening_.clear();
      SetState(State::kClosed);
    }
    lingering_.Serve();
  }
}

void Acceptor::AcceptAll() {
  out_of_sockets_ = false;
  for (const FileDescriptor& listening : listening_) {
    for (int i = 0; i < kMaxAccepts; ++i) {
      sockaddr_storage peer{};
      socklen_t peer_size = sizeof(peer);
      FileDescriptor socket(accept4(listening.get(),
                                    reinterpret_cast<sockaddr*>(&peer),
                                    &peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() >= 0) {
        // The system gives the lowest descriptor that is free.
        if (socket.get() >= max_descriptor_ ||
            !on_connection_(socket, peer, peer_size)) {
          Refuse(socket);
        }
        continue;
      }
      if (errno == EAGAIN) break;
      // The client has left.
      if (errno == ECONNABORTED || errno == EINTR) continue;
      // For want of files or memory, or forbidden: who waits goes on waiting.
      out_of_sockets_ = true;
      WarnOfTooMany();
      return;
    }
  }
}

void Acceptor::Refuse(const FileDescriptor& socket) {
  WarnOfTooMany();
  if (refusal_.empty()) return;
  send(socket.get(), refusal_.data(), refusal_.size(),
       MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(socket.get(), SHUT_WR);
  lingering_.Add(socket.get());
}

void Acceptor::WarnOfTooMany() {
  ++too_many_;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_warning_) return;
  next_warning_ = now + kWarningInterval;
  Log(LogLevel::kWarning, "too_many_connections",
      {{"times", std::exchange(too_many_, 0)},
       {"max_files", std::int64_t{max_descriptor_}}});
}

void Acceptor::Wake() const { eventfd_write(wake_.get(), 1); }

Acceptor::State Acceptor::state() const {
  MutexLock lock(mutex_);
  return state_;
}

void Acceptor::SetState(State state) {
  MutexLock lock(mutex_);
  state_ = state;
  changed_.notify_all();
}

}  // namespace attention::net
