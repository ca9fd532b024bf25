#include "server/http/lingering_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace attention::http {
namespace {

constexpr std::size_t kMaxSockets = 256;
// 256 MiB at 10 MB/s.
constexpr std::chrono::seconds kMaxTime{30};

// Of one connection, before the next one gets its turn.
constexpr int kMaxReads = 64;

// Whether the client has nothing more to say.
bool HasEnded(int socket) {
  std::array<char, std::size_t{64} << 10> dropped;
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t count =
        recv(socket, dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (count == 0) return true;
    if (count < 0) return errno != EAGAIN && errno != EINTR;
  }
  return false;
}

}  // namespace

void LingeringSockets::Add(int socket) {
  MutexLock lock(mutex_);
  if (sockets_.size() >= kMaxSockets) return;
  FileDescriptor copy(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) return;
  sockets_.push_back({.socket = std::move(copy),
                      .until = std::chrono::steady_clock::now() + kMaxTime});
}

void LingeringSockets::AddTo(std::vector<pollfd>& events) const {
  MutexLock lock(mutex_);
  for (const Lingering& lingering : sockets_) {
    events.push_back(
        {.fd = lingering.socket.get(), .events = POLLIN, .revents = 0});
  }
}

void LingeringSockets::Serve() {
  MutexLock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(sockets_, [now](const Lingering& lingering) {
    return now >= lingering.until || HasEnded(lingering.socket.get());
  });
}

}  // namespace attention::http
