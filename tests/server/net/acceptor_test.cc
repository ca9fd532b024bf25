// Proves that connections leave the last files free, and that whoever is
// refused reads why.
#include "server/net/acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/file_limit.h"
#include "server/net/listening_sockets.h"
#include "tests/server/http/http_client.h"

namespace attention::net {
namespace {

constexpr char kRefusal[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

// The limit of this process, for a while.
class FileLimit {
 public:
  explicit FileLimit(rlim_t files) {
    getrlimit(RLIMIT_NOFILE, &old_);
    const rlimit lower = {.rlim_cur = files, .rlim_max = old_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~FileLimit() { setrlimit(RLIMIT_NOFILE, &old_); }

  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit old_{};
};

// What an acceptor has taken.
class Taken {
 public:
  bool Take(FileDescriptor& socket) {
    const std::scoped_lock lock(mutex_);
    sockets_.push_back(std::move(socket));
    return true;
  }

  std::vector<FileDescriptor> Release() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(sockets_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<FileDescriptor> sockets_;
};

TEST(AcceptorTest, LeavesTheLastFilesFree) {
  // Both ends of each connection are here.
  const FileLimit limit(600);
  const int max_descriptor = MaxConnectionDescriptor();
  EXPECT_EQ(max_descriptor, 600 - 128);
  absl::StatusOr<ListeningSockets> listening = Listen("--port", "127.0.0.1", 0);
  ASSERT_TRUE(listening.ok()) << listening.status();
  Taken taken;
  Acceptor acceptor(std::move(listening->sockets), kRefusal,
                    [&taken](FileDescriptor& socket, const sockaddr_storage&,
                             socklen_t) { return taken.Take(socket); });
  ASSERT_TRUE(acceptor.Start().ok());

  std::vector<std::unique_ptr<http::HttpClient>> clients;
  for (int i = 0; i < max_descriptor / 2; ++i) {
    clients.push_back(std::make_unique<http::HttpClient>(listening->port));
  }
  http::HttpClient one_more(listening->port);
  EXPECT_EQ(one_more.Read().status, 503);
  const FileDescriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_GE(file.get(), 0);

  clients.clear();
  EXPECT_GT(taken.Release().size(), 200U);
  http::HttpClient later(listening->port);
  acceptor.Close();
  EXPECT_EQ(taken.Release().size(), 1U);
}

}  // namespace
}  // namespace attention::net
