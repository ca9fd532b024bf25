// Proves that each connection which a loop was given ends exactly once.
#include "server/http/connection_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "server/http/open_exchanges.h"

namespace attention::http {
namespace {

TEST(ConnectionLoopTest, AConnectionThatCannotBeServedEndsOnce) {
  OpenExchanges open;
  std::atomic<int> closed = 0;
  auto loop =
      ConnectionLoop::Create({.open = &open, .clock = &SystemClock()},
                             /*idle_seconds=*/60, [&closed] { ++closed; });
  ASSERT_TRUE(loop.ok()) << loop.status();
  // A file that epoll does not take, as it takes no socket when the system has
  // no memory left.
  sockaddr_storage peer{};
  peer.ss_family = AF_INET;
  (*loop)->Add(net::FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)),
               peer, sizeof(sockaddr_in));
  while (closed == 0) std::this_thread::yield();
  loop->reset();
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace attention::http
