// Proves how a listener begins and ends: which ports it takes, and that a stop
// loses no answer.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_listener.h"
#include "tests/support/has_address.h"

namespace attention::http {
namespace {

int AskStatus(int port, const std::string& host = "127.0.0.1") {
  return HttpClient(port, host).Ask(HttpRequest("GET", "/")).status;
}

TEST(HttpShutdownTest, TakesAnyFreePortAndSaysWhich) {
  const auto one = StartListener(Echo);
  const auto two = StartListener(Echo);
  EXPECT_GT(one->port(), 0);
  EXPECT_NE(one->port(), two->port());
  EXPECT_EQ(AskStatus(one->port()), 200);
}

TEST(HttpShutdownTest, ListensToNames) {
  if (!HasAddress("localhost")) GTEST_SKIP() << "there is no localhost";
  ListenerOptions options = LocalOptions();
  options.host = "localhost";
  EXPECT_EQ(AskStatus(StartListener(Echo, options)->port()), 200);
}

TEST(HttpShutdownTest, ListensToIpv6) {
  if (!HasAddress("::1")) GTEST_SKIP() << "there is no IPv6";
  ListenerOptions options = LocalOptions();
  for (const char* const host : {"::1", "[::1]"}) {
    options.host = host;
    const auto listener = StartListener(Echo, options);
    EXPECT_EQ(
        HttpClient(listener->port(), "::1").Ask(HttpRequest("GET", "/")).body,
        "GET / ::1 ");
  }
  // All of the machine, by both protocols.
  options.host = "::";
  const auto listener = StartListener(Echo, options);
  EXPECT_EQ(AskStatus(listener->port(), "::1"), 200);
  EXPECT_EQ(HttpClient(listener->port()).Ask(HttpRequest("GET", "/")).body,
            "GET / 127.0.0.1 ");
}

TEST(HttpShutdownTest, SaysWhenThePortCannotBeHad) {
  const auto first = StartListener(Echo);
  ListenerOptions options = LocalOptions();
  options.port = first->port();
  const absl::Status in_use = HttpListener::Create(options, Echo).status();
  EXPECT_EQ(in_use.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      in_use.message(),
      absl::StrCat("--http-port: cannot listen on 127.0.0.1:", first->port(),
                   "; the port is in use or the address is not of this "
                   "machine, choose another, or 0 for any free port"));
  // An address for documentation, which no machine has.
  options = LocalOptions();
  options.host = "192.0.2.1";
  EXPECT_EQ(HttpListener::Create(options, Echo).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(HttpShutdownTest, FreesThePortAtOnce) {
  const auto first = StartListener(Echo);
  HttpClient stays(first->port());
  EXPECT_EQ(stays.Ask(HttpRequest("GET", "/")).status, 200);
  first->CloseConnections();
  EXPECT_FALSE(HttpClient(first->port()).connected());
  ListenerOptions options = LocalOptions();
  options.port = first->port();
  const auto second = StartListener(Echo, options);
  EXPECT_EQ(AskStatus(second->port()), 200);
}

TEST(HttpShutdownTest, AnswersOpenConnectionsAndThenClosesThem) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient waiting(listener->port());
  waiting.Send(HttpRequest("POST", "/", "x"));
  Inbox::Item before = inbox.Take();
  HttpClient uploading(listener->port());
  uploading.Send(
      "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nup");

  listener->CloseConnections();
  std::move(before.respond)(TextResponse("before"));
  const HttpAnswer answer = waiting.Read();
  EXPECT_EQ(answer.body, "before");
  EXPECT_EQ(answer.Header("Connection"), "close");
  EXPECT_TRUE(waiting.SeesEnd());

  uploading.Send("load");
  Inbox::Item after = inbox.Take();
  std::move(after.respond)(TextResponse("after"));
  const HttpAnswer late = uploading.Read();
  EXPECT_EQ(late.body, "after");
  EXPECT_EQ(late.Header("Connection"), "close");
}

TEST(HttpShutdownTest, WaitsForAnswersHoweverLate) {
  constexpr int kRequests = 10;
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<Inbox::Item> items;
  for (int i = 0; i < kRequests; ++i) {
    clients.push_back(std::make_unique<HttpClient>(listener->port()));
    clients.back()->Send(HttpRequest("POST", "/", "x"));
    items.push_back(inbox.Take());
  }
  std::atomic<bool> ended = false;
  std::thread stop([&] {
    listener->Shutdown();
    ended = true;
  });
  // Shutdown has begun once the port is closed.
  while (HttpClient(listener->port()).connected()) std::this_thread::yield();
  for (Inbox::Item& item : items) {
    EXPECT_FALSE(ended);
    std::move(item.respond)(TextResponse(std::string(1 << 20, 'x')));
  }
  for (const auto& client : clients) {
    EXPECT_EQ(client->Read().body.size(), 1U << 20);
    EXPECT_TRUE(client->SeesEnd());
  }
  stop.join();
}

TEST(HttpShutdownTest, EndsWhenAnswersAreForgottenOrNobodyWaits) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient forgotten(listener->port());
  forgotten.Send(HttpRequest("GET", "/"));
  Inbox::Item first = inbox.Take();
  HttpClient left(listener->port());
  left.Send(HttpRequest("GET", "/"));
  Inbox::Item second = inbox.Take();
  left.Reset();
  std::thread stop([&] { listener->Shutdown(); });
  while (HttpClient(listener->port()).connected()) std::this_thread::yield();
  {
    const Inbox::Item gone = std::move(first);
  }
  std::move(second.respond)(TextResponse("nobody"));
  EXPECT_EQ(forgotten.Read().status, 500);
  stop.join();
}

TEST(HttpShutdownTest, CutsOffHalfRequestsAndIdleConnections) {
  const auto listener = StartListener(Echo);
  HttpClient idle(listener->port());
  EXPECT_EQ(idle.Ask(HttpRequest("GET", "/")).status, 200);
  HttpClient half(listener->port());
  half.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf");
  listener->Shutdown();
  EXPECT_TRUE(idle.SeesEnd());
  EXPECT_EQ(half.Read().status, 0);
}

TEST(HttpShutdownTest, DoesNotWaitForEverForAClientThatDoesNotRead) {
  Inbox inbox;
  const auto listener = StartListener(inbox.AsHandler());
  HttpClient client(listener->port());
  client.Send(HttpRequest("GET", "/"));
  std::move(inbox.Take().respond)(TextResponse(std::string(64 << 20, 'x')));
  listener->Shutdown();
  EXPECT_LT(client.Read().body.size(), std::size_t{64} << 20);
}

TEST(HttpShutdownTest, MayHappenUnderLoad) {
  for (int round = 0; round < 20; ++round) {
    auto listener = StartListener(Echo);
    const int port = listener->port();
    std::atomic<int> answered = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&] {
        // Each sees answers until the end, and none that is wrong.
        while (true) {
          HttpClient client(port);
          if (!client.connected()) return;
          HttpAnswer answer;
          do {
            answer = client.Ask(HttpRequest("POST", "/", "load"));
            if (answer.status == 200) ++answered;
            EXPECT_THAT(answer.status, testing::AnyOf(0, 200, 503));
          } while (answer.status == 200 && answer.Header("Connection").empty());
        }
      });
    }
    while (answered < 100) std::this_thread::yield();
    listener->CloseConnections();
    listener->Shutdown();
    for (std::thread& client : clients) client.join();
  }
}

}  // namespace
}  // namespace attention::http
