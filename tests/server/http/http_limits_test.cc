// Proves that no client gets more than its share: bodies, headers, connections
// and time have limits, and reaching one is answered clearly.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/transfer_time.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_listener.h"
#include "tests/support/fake_clock.h"
#include "zlib.h"

namespace attention::http {
namespace {

using ::testing::HasSubstr;

constexpr int kMaxBody = 100000;

ListenerOptions SmallBodies() {
  ListenerOptions options = LocalOptions();
  options.max_body_bytes = kMaxBody;
  return options;
}

TEST(HttpLimitsTest, TakesTheLargestBodyAndNotOneByteMore) {
  const auto listener = StartListener(Echo, SmallBodies());
  HttpClient client(listener->port());
  EXPECT_EQ(
      client.Ask(HttpRequest("POST", "/", std::string(kMaxBody, 'x'))).status,
      200);
  const HttpAnswer answer =
      client.Ask(HttpRequest("POST", "/", std::string(kMaxBody + 1, 'x')));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(
      answer.body,
      R"({"error":"body: has 100001 bytes, one request may have 100000"})");
  EXPECT_EQ(answer.Header("Connection"), "close");
  EXPECT_TRUE(client.SeesEnd());
}

TEST(HttpLimitsTest, RefusesALargeBodyBeforeItIsSent) {
  const auto listener = StartListener(Echo, SmallBodies());
  for (const char* const expect : {"", "Expect: 100-continue\r\n"}) {
    HttpClient client(listener->port());
    const HttpAnswer answer =
        client.Ask(absl::StrCat("POST / HTTP/1.1\r\nHost: test\r\n", expect,
                                "Content-Length: 9000000000000000000\r\n\r\n"));
    EXPECT_EQ(answer.status, 413);
    EXPECT_THAT(answer.body, HasSubstr("has 9000000000000000000 bytes"));
  }
}

TEST(HttpLimitsTest, RefusesSizesThatNoIntegerHas) {
  const auto listener = StartListener(Echo, SmallBodies());
  HttpClient client(listener->port());
  const HttpAnswer answer = client.Ask(
      "POST / HTTP/1.1\r\nHost: test\r\n"
      "Content-Length: 18446744073709551614\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body,
            R"({"error":"Content-Length: 18446744073709551614 is more than )"
            R"(any body may have"})");
}

TEST(HttpLimitsTest, LetsAClientFinishSendingSoThatItReadsTheRefusal) {
  const auto listener = StartListener(Echo, SmallBodies());
  HttpClient client(listener->port());
  // Far more than the buffers between the two hold.
  const std::string body(std::size_t{64} << 20, 'x');
  ASSERT_TRUE(client.Send(HttpRequest("POST", "/", body)));
  EXPECT_EQ(client.Read().status, 413);
}

TEST(HttpLimitsTest, RefusesChunksThatBecomeTooMuch) {
  const auto listener = StartListener(Echo, SmallBodies());
  HttpClient client(listener->port());
  const std::string chunk =
      absl::StrCat("c350\r\n", std::string(50000, 'x'), "\r\n");
  const std::string head =
      "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(client.Ask(absl::StrCat(head, chunk, chunk, "0\r\n\r\n")).status,
            200);
  const HttpAnswer answer = client.Ask(
      absl::StrCat(head, chunk, chunk, chunk, "1\r\nx\r\n", "0\r\n\r\n"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("larger than the 100000 bytes that one"));
  EXPECT_EQ(client.Ask(HttpRequest("GET", "/")).status, 200);
}

TEST(HttpLimitsTest, LimitsWhatACompressedBodyBecomes) {
  const auto listener = StartListener(Echo, SmallBodies());
  HttpClient client(listener->port());
  const std::string zeros(std::size_t{50} << 20, '\0');
  uLongf size = compressBound(zeros.size());
  std::string bomb(size, '\0');
  compress(reinterpret_cast<Bytef*>(bomb.data()), &size,
           reinterpret_cast<const Bytef*>(zeros.data()), zeros.size());
  bomb.resize(size);
  ASSERT_LE(size, static_cast<uLongf>(kMaxBody));
  EXPECT_EQ(
      client
          .Ask(HttpRequest("POST", "/", bomb, "Content-Encoding: deflate\r\n"))
          .status,
      413);
  EXPECT_EQ(client.Ask(HttpRequest("GET", "/")).status, 200);
}

TEST(HttpLimitsTest, LimitsWhatAllBodiesHoldTogether) {
  ListenerOptions options = SmallBodies();
  options.max_total_body_bytes = 150000;
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler(), options);
  const std::string request =
      HttpRequest("POST", "/", std::string(kMaxBody, 'x'));
  HttpClient first(listener->port());
  ASSERT_TRUE(first.Send(request));
  Inbox::Item held = inbox.Take();

  HttpClient second(listener->port());
  const HttpAnswer refused = second.Ask(request);
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("may hold 150000 bytes; try again"));

  std::move(held.respond)(TextResponse("first"));
  held.request.reset();
  EXPECT_EQ(first.Read().body, "first");
  ASSERT_TRUE(second.Send(request));
  Inbox::Item again = inbox.Take();
  std::move(again.respond)(TextResponse("second"));
  EXPECT_EQ(second.Read().body, "second");
}

TEST(HttpLimitsTest, LimitsHeaders) {
  const auto listener = StartListener(Echo);
  HttpClient fits(listener->port());
  EXPECT_EQ(
      fits.Ask(HttpRequest("GET", "/", "",
                           absl::StrCat("A: ", std::string(8000, 'a'), "\r\n")))
          .status,
      200);
  HttpClient path(listener->port());
  EXPECT_EQ(path.Ask(HttpRequest("GET", "/" + std::string(100000, 'a'))).status,
            414);
  HttpClient header(listener->port());
  EXPECT_EQ(header
                .Ask(HttpRequest(
                    "GET", "/", "",
                    absl::StrCat("A: ", std::string(100000, 'a'), "\r\n")))
                .status,
            431);
  HttpClient endless(listener->port());
  while (endless.Send("B: b\r\n" + std::string(1000, 'c') + ": c\r\n")) {
  }
  EXPECT_EQ(fits.Ask(HttpRequest("GET", "/")).status, 200);
}

TEST(HttpLimitsTest, AnswersTheConnectionThatIsOneTooMany) {
  ListenerOptions options = LocalOptions();
  options.max_connections = 10;
  const auto listener = StartListener(Echo, options);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<HttpClient>(listener->port()));
    EXPECT_EQ(clients.back()->Ask(HttpRequest("GET", "/")).status, 200);
  }
  HttpClient refused(listener->port());
  const HttpAnswer answer = refused.Ask(HttpRequest("GET", "/"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body,
            R"({"error":"connections: there are 10 already, or as many as )"
            R"(there are files for; keep fewer open, or try again later"})");
  EXPECT_TRUE(refused.SeesEnd());

  // A connection that ends makes room for another.
  clients.back()->Ask(HttpRequest("GET", "/", "", "Connection: close\r\n"));
  EXPECT_TRUE(clients.back()->SeesEnd());
  clients.pop_back();
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) {
    status = HttpClient(listener->port()).Ask(HttpRequest("GET", "/")).status;
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpLimitsTest, ServesAThousandConnectionsThatStay) {
  constexpr int kConnections = 1000;
  // This process has both ends of each.
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  ASSERT_GE(files.rlim_cur, 2 * kConnections + 100U);
  setrlimit(RLIMIT_NOFILE, &files);

  const auto listener = StartListener(Echo);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<HttpClient>(listener->port()));
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kConnections; ++i) {
      clients[i]->Send(HttpRequest("GET", absl::StrCat("/", i)));
    }
    for (int i = 0; i < kConnections; ++i) {
      EXPECT_EQ(clients[i]->Read().body,
                absl::StrCat("GET /", i, " 127.0.0.1 "));
    }
  }
}

TEST(HttpLimitsTest, ServesAnyNumberThatAsksAtOnce) {
  // Round numbers of events are where event loops go wrong.
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (const std::size_t count : {64, 128, 256, 512}) {
    while (clients.size() < count) {
      clients.push_back(std::make_unique<HttpClient>(listener->port()));
    }
    for (int round = 0; round < 3; ++round) {
      std::vector<Respond> waiting;
      for (const auto& client : clients) {
        ASSERT_TRUE(client->Send(HttpRequest("GET", "/")));
      }
      for (std::size_t i = 0; i < count; ++i) {
        waiting.push_back(inbox.Take().respond);
      }
      for (Respond& respond : waiting) std::move(respond)(TextResponse("x"));
      for (const auto& client : clients) EXPECT_EQ(client->Read().body, "x");
    }
  }
}

TEST(HttpLimitsTest, ServesWhoHasComeWhenTheProcessHadNoFilesLeft) {
  const auto listener = StartListener(Echo);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // The next file, which the client takes, is the last one.
  const int next = dup(STDERR_FILENO);
  close(next);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(next) + 1;
  setrlimit(RLIMIT_NOFILE, &none_left);
  HttpClient client(listener->port());
  ASSERT_TRUE(client.Send(HttpRequest("GET", "/")));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(client.Read().status, 200);
}

TEST(HttpLimitsTest, WaitsForNobodyWhileAnotherIsSlow) {
  const auto listener = StartListener(Echo);
  const std::string request = HttpRequest("POST", "/", "slow");
  // One that has stopped after each byte of a request.
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (std::size_t size = 0; size < request.size(); ++size) {
    slow.push_back(std::make_unique<HttpClient>(listener->port()));
    ASSERT_TRUE(slow.back()->Send(request.substr(0, size)));
  }
  for (int i = 0; i < 10; ++i) {
    HttpClient client(listener->port());
    EXPECT_EQ(client.Ask(HttpRequest("GET", "/")).status, 200);
  }
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_EQ(slow[size]->Ask(request.substr(size)).status, 200) << size;
  }
}

TEST(HttpLimitsTest, ServesOthersWhileAClientDoesNotReadItsAnswer) {
  const std::string large(std::size_t{64} << 20, 'x');
  const auto listener = StartListener(
      [&](const std::shared_ptr<const Request>& request, Respond respond) {
        Response response;
        response.body = {
            {.data = reinterpret_cast<const std::byte*>(large.data()),
             .size = request->path == "/large" ? large.size() : 1}};
        std::move(respond)(std::move(response));
      });
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<HttpClient>(listener->port()));
    ASSERT_TRUE(slow.back()->Send(HttpRequest("GET", "/large")));
  }
  for (int i = 0; i < 10; ++i) {
    HttpClient client(listener->port());
    EXPECT_EQ(client.Ask(HttpRequest("GET", "/")).body, "x");
  }
  EXPECT_EQ(slow.front()->Read().body.size(), large.size());
}

TEST(HttpLimitsTest, RefusesBodiesThatNeverEnd) {
  FakeClock clock;
  ListenerOptions options = LocalOptions();
  options.clock = &clock;
  const auto listener = StartListener(Echo, options);
  HttpClient client(listener->port());
  // The server says when it has begun to read.
  EXPECT_EQ(client
                .Ask("POST / HTTP/1.1\r\nHost: test\r\n"
                     "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
                .status,
            100);
  HttpClient fast(listener->port());
  EXPECT_EQ(fast.Ask(HttpRequest("POST", "/", "fast")).status, 200);
  clock.Advance(std::chrono::seconds(121));
  const HttpAnswer answer = client.Ask("x");
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(answer.body,
            R"({"error":"body: 1 bytes have come; it has 120 seconds, and one )"
            R"(more for each 65536 bytes"})");
  EXPECT_TRUE(client.SeesEnd());
  // Its time begins with each request.
  EXPECT_EQ(fast.Ask(HttpRequest("POST", "/", "fast")).status, 200);
}

// Trailers and sizes of chunks are no part of the body.
TEST(HttpLimitsTest, CutsOffBodiesThatAreOnlyFramed) {
  FakeClock clock;
  ListenerOptions options = LocalOptions();
  options.clock = &clock;
  const auto listener = StartListener(Echo, options);
  HttpClient client(listener->port());
  EXPECT_EQ(client
                .Ask("POST / HTTP/1.1\r\nHost: test\r\n"
                     "Expect: 100-continue\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n")
                .status,
            100);
  ASSERT_TRUE(client.Send("4\r\nbody\r\n0\r\nTrailer: "));
  clock.Advance(std::chrono::seconds(131));
  ASSERT_TRUE(client.Send("x"));
  EXPECT_TRUE(client.SeesEnd());
}

TEST(HttpLimitsTest, CutsOffWhoDoesNotReadItsAnswer) {
  FakeClock clock;
  ListenerOptions options = LocalOptions();
  options.clock = &clock;
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler(), options);
  HttpClient client(listener->port());
  ASSERT_TRUE(client.Send(HttpRequest("GET", "/")));
  // More than the sockets between the two hold.
  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  Response answer = TextResponse(std::string(kBytes, 'x'));
  std::promise<void> dropped;
  answer.owner = std::shared_ptr<const void>(
      nullptr, [&dropped](const void*) { dropped.set_value(); });
  std::move(inbox.Take().respond)(std::move(answer));
  EXPECT_EQ(client.Read(/*to_head=*/true).status, 200);
  clock.Advance(TransferTime(kBytes) + std::chrono::seconds(1));
  dropped.get_future().wait();
}

TEST(HttpLimitsTest, ClosesConnectionsOnWhichNothingMoves) {
  ListenerOptions options = LocalOptions();
  options.idle_seconds = 1;
  const auto listener = StartListener(Echo, options);
  HttpClient silent(listener->port());
  HttpClient half(listener->port());
  HttpClient idle(listener->port());
  ASSERT_TRUE(half.Send(
      "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf"));
  EXPECT_EQ(idle.Ask(HttpRequest("GET", "/")).status, 200);
  EXPECT_TRUE(silent.SeesEnd());
  EXPECT_EQ(half.Read().status, 0);
  EXPECT_TRUE(idle.SeesEnd());
}

}  // namespace
}  // namespace attention::http
