#include "server/net/lingering_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <utility>

#include "server/base/file_limit.h"

namespace attention::net {
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
  if (copy.get() < 0 || copy.get() >= MaxConnectionDescriptor()) return;
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
  // Those that add sockets do not wait for the reads.
  std::vector<Lingering> serving;
  {
    MutexLock lock(mutex_);
    serving.swap(sockets_);
  }
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(serving, [now](const Lingering& lingering) {
    return now >= lingering.until || HasEnded(lingering.socket.get());
  });
  MutexLock lock(mutex_);
  std::move(serving.begin(), serving.end(), std::back_inserter(sockets_));
}

}  // namespace attention::net
