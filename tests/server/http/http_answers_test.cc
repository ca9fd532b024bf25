// Proves how answers leave: from any thread, whenever they are there, from the
// memory that they are in, exactly once.
#include <algorithm>
#include <condition_variable>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_listener.h"

namespace attention::http {
namespace {

using ::testing::HasSubstr;

// Memory that tells when it is let go of.
class Watched {
 public:
  explicit Watched(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

  // In pieces of `piece` bytes, each of which keeps it, as the answer does.
  Response AsResponse(std::size_t piece) {
    auto owner = std::shared_ptr<const void>(
        bytes_.get(), [kept = bytes_, this](const void* /*unused*/) {
          MutexLock lock(mutex_);
          released_ = true;
          changed_.notify_all();
        });
    Response response;
    response.owner = owner;
    for (std::size_t begin = 0; begin < bytes_->size(); begin += piece) {
      response.body.push_back(
          {.data = reinterpret_cast<const std::byte*>(bytes_->data()) + begin,
           .size = std::min(piece, bytes_->size() - begin),
           .owner = owner});
    }
    return response;
  }

  void WaitUntilReleased() {
    MutexLock lock(mutex_);
    while (!released_) changed_.wait(mutex_);
  }
  bool released() {
    MutexLock lock(mutex_);
    return released_;
  }

 private:
  const std::shared_ptr<const std::string> bytes_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(HttpAnswersTest, ComeFromAnyThreadAndInAnyOrder) {
  constexpr int kRequests = 50;
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<Inbox::Item> items;
  for (int i = 0; i < kRequests; ++i) {
    clients.push_back(std::make_unique<HttpClient>(listener->port()));
    clients.back()->Send(HttpRequest("POST", "/", absl::StrCat(i)));
    items.push_back(inbox.Take());
  }
  std::vector<std::thread> threads;
  for (int i = kRequests - 1; i >= 0; --i) {
    threads.emplace_back([item = std::move(items[i])]() mutable {
      std::move(item.respond)(
          TextResponse(absl::StrCat("answer to ", BodyOf(*item.request)), 201));
    });
  }
  for (int i = 0; i < kRequests; ++i) {
    const HttpAnswer answer = clients[i]->Read();
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body, absl::StrCat("answer to ", i));
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpAnswersTest, AreGivenWhileTheHandlerReturns) {
  std::vector<std::thread> threads;
  const auto listener = StartListener(
      [&](const std::shared_ptr<const Request>& /*request*/, Respond respond) {
        threads.emplace_back([respond = std::move(respond)]() mutable {
          std::move(respond)(TextResponse("raced"));
        });
      });
  HttpClient client(listener->port());
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.Ask(HttpRequest("POST", "/", "x")).body, "raced");
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpAnswersTest, WaitWithoutAThreadForEach) {
  // Far more than the listener has threads.
  constexpr int kWaiting = 100;
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<Inbox::Item> items;
  for (int i = 0; i < kWaiting; ++i) {
    clients.push_back(std::make_unique<HttpClient>(listener->port()));
    clients.back()->Send(HttpRequest("GET", "/"));
    items.push_back(inbox.Take());
  }
  HttpClient late(listener->port());
  late.Send(HttpRequest("GET", "/late"));
  std::move(inbox.Take().respond)(TextResponse("late"));
  EXPECT_EQ(late.Read().body, "late");
  for (Inbox::Item& item : items) {
    std::move(item.respond)(TextResponse("waited"));
  }
  for (const auto& client : clients) EXPECT_EQ(client->Read().body, "waited");
}

TEST(HttpAnswersTest, AreSentFromTheirPiecesWhichAreThenLetGo) {
  const std::string bytes = Pattern(std::size_t{32} << 20);
  // From one piece to more than are sent without a copy.
  for (const std::size_t piece : {bytes.size(), bytes.size() / 3,
                                  bytes.size() / 512, bytes.size() / 5000}) {
    Watched memory(bytes);
    const auto listener = StartListener(
        [&](const std::shared_ptr<const Request>& /*request*/,
            Respond respond) { std::move(respond)(memory.AsResponse(piece)); });
    HttpClient client(listener->port());
    const HttpAnswer answer = client.Ask(HttpRequest("GET", "/"));
    EXPECT_EQ(answer.Header("Content-Length"), absl::StrCat(bytes.size()));
    EXPECT_TRUE(answer.body == bytes) << piece;
    memory.WaitUntilReleased();
  }
}

TEST(HttpAnswersTest, LetGoOfPiecesThatAClientDoesNotTake) {
  Watched memory(std::string(std::size_t{64} << 20, 'x'));
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient client(listener->port());
  client.Send(HttpRequest("GET", "/"));
  std::move(inbox.Take().respond)(memory.AsResponse(1 << 20));
  EXPECT_FALSE(memory.released());
  client.Reset();
  memory.WaitUntilReleased();
}

TEST(HttpAnswersTest, MayBeEmptyAndHaveHeaders) {
  const auto listener = StartListener(
      [](const std::shared_ptr<const Request>& /*request*/, Respond respond) {
        Response response;
        response.status = 404;
        response.headers = {{"X-One", "1"}, {"Content-Type", "text/plain"}};
        response.body = {Piece{}};
        std::move(respond)(std::move(response));
      });
  HttpClient client(listener->port());
  const HttpAnswer answer = client.Ask(HttpRequest("GET", "/"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.Header("X-One"), "1");
  EXPECT_EQ(answer.Header("Content-Type"), "text/plain");
  EXPECT_EQ(answer.Header("Content-Length"), "0");
  EXPECT_EQ(answer.Header("Content-Encoding"), "");
}

TEST(HttpAnswersTest, WithALineBreakInAHeaderAreNotSent) {
  const auto listener = StartListener(
      [](const std::shared_ptr<const Request>& /*request*/, Respond respond) {
        Response response = TextResponse("secret");
        response.headers = {{"X-One", "1\r\nX-Two: 2"}};
        std::move(respond)(std::move(response));
      });
  HttpClient client(listener->port());
  const HttpAnswer answer = client.Ask(HttpRequest("GET", "/"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("a header that HTTP has not"));
}

TEST(HttpAnswersTest, ThatAHandlerForgetsAreErrors) {
  const auto listener = StartListener(
      [](const std::shared_ptr<const Request>& /*request*/, Respond respond) {
        const Respond forgotten = std::move(respond);
      });
  HttpClient client(listener->port());
  const HttpAnswer answer = client.Ask(HttpRequest("GET", "/"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body,
            R"({"error":"the server has forgotten this request"})");
}

TEST(HttpAnswersTest, ThatAreForgottenLaterAreErrorsToo) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient client(listener->port());
  client.Send(HttpRequest("GET", "/"));
  {
    const Inbox::Item forgotten = inbox.Take();
  }
  EXPECT_EQ(client.Read().status, 500);
}

TEST(HttpAnswersTest, MayComeAfterTheClientHasLeft) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  for (int i = 0; i < 20; ++i) {
    HttpClient client(listener->port());
    client.Send(HttpRequest("POST", "/", "x"));
    Inbox::Item item = inbox.Take();
    EXPECT_FALSE(item.request->cancelled());
    if (i % 2 == 0) {
      client.Reset();
    } else {
      client.Close();
    }
    // Loopback: the news is there when the call returns, or soon.
    while (!item.request->cancelled()) std::this_thread::yield();
    Watched memory("too late");
    std::move(item.respond)(memory.AsResponse(3));
    memory.WaitUntilReleased();
    EXPECT_TRUE(item.request->cancelled());
  }
}

TEST(HttpAnswersTest, TellTheRequestThatNobodyWaitsAnyMore) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient client(listener->port());
  client.Send(HttpRequest("GET", "/"));
  Inbox::Item item = inbox.Take();
  EXPECT_FALSE(item.request->cancelled());
  std::move(item.respond)(TextResponse("x"));
  client.Read();
  while (!item.request->cancelled()) std::this_thread::yield();
  // The connection serves another request, which is not this one's.
  client.Send(HttpRequest("GET", "/"));
  Inbox::Item next = inbox.Take();
  EXPECT_FALSE(next.request->cancelled());
  EXPECT_TRUE(item.request->cancelled());
  std::move(next.respond)(TextResponse("y"));
}

TEST(HttpAnswersTest, LeaveTheRequestToWhoeverStillReadsIt) {
  Inbox inbox;
  auto listener = StartListener(inbox.AsHandler());
  HttpClient client(listener->port());
  client.Send(HttpRequest("POST", "/", "kept"));
  Inbox::Item item = inbox.Take();
  std::move(item.respond)(TextResponse("x"));
  client.Read();
  listener.reset();
  EXPECT_EQ(BodyOf(*item.request), "kept");
  EXPECT_TRUE(item.request->cancelled());
}

}  // namespace
}  // namespace attention::http
