// Proves what reaches the handler: sent over real sockets byte by byte, in
// pieces, in chunks and compressed, and what is no request and does not.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/http/http_client.h"
#include "tests/server/http/test_listener.h"
#include "zlib.h"

namespace attention::http {
namespace {

using ::testing::HasSubstr;

// zlib's format, which HTTP calls deflate.
std::string Deflated(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::string compressed(size, '\0');
  compress(reinterpret_cast<Bytef*>(compressed.data()), &size,
           reinterpret_cast<const Bytef*>(text.data()), text.size());
  compressed.resize(size);
  return compressed;
}

std::string Chunk(const std::string& data) {
  return absl::StrFormat("%x\r\n%s\r\n", data.size(), data);
}

TEST(HttpRequestsTest, TellsMethodPathPeerAndBody) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  for (const char* const method : {"GET", "POST", "PUT", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(
        client.Ask(HttpRequest(method, "/v2/a%40b%2Fc+d?x=1&y=%2F", "text"))
            .body,
        absl::StrCat(method, " /v2/a@b/c+d 127.0.0.1 text"));
  }
}

// Or a page could ask for what only clients of this machine may.
TEST(HttpRequestsTest, APageInALocalBrowserIsNoLocalClient) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  EXPECT_EQ(client
                .Ask(HttpRequest("POST", "/", "text",
                                 "Origin: http://elsewhere.test\r\n"))
                .body,
            "POST / a web page of \"http://elsewhere.test\" text");
}

TEST(HttpRequestsTest, FindsHeadersWhateverTheirCase) {
  const auto listener = StartListener(
      [](const std::shared_ptr<const Request>& request, Respond respond) {
        std::move(respond)(TextResponse(absl::StrCat(
            request->Header("inference-header-content-length"), "|",
            request->Header("X-TWICE"), "|", request->Header("missing"))));
      });
  HttpClient client(listener->port());
  EXPECT_EQ(client
                .Ask(HttpRequest("GET", "/", "",
                                 "Inference-Header-Content-Length: 12\r\n"
                                 "x-twice: first\r\nX-Twice: second\r\n"))
                .body,
            "12|first|");
}

TEST(HttpRequestsTest, AnswersHeadWithTheLengthButWithoutTheBody) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  client.Send(HttpRequest("HEAD", "/a") + HttpRequest("GET", "/b"));
  const HttpAnswer head = client.Read(/*to_head=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "18");  // HEAD /a 127.0.0.1 .
  EXPECT_EQ(client.Read().body, "GET /b 127.0.0.1 ");
}

TEST(HttpRequestsTest, KeepsTheConnectionAsTheClientWishes) {
  const auto listener = StartListener(Echo);
  HttpClient stays(listener->port());
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer answer = stays.Ask(HttpRequest("POST", "/", "x"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("Connection"), "");
  }
  const HttpAnswer last =
      stays.Ask(HttpRequest("POST", "/", "x", "Connection: close\r\n"));
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_TRUE(stays.SeesEnd());
  HttpClient old(listener->port());
  EXPECT_EQ(old.Ask("GET / HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(old.SeesEnd());
}

TEST(HttpRequestsTest, AnswersPipelinedRequestsInOrder) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += HttpRequest("POST", absl::StrCat("/", i), std::string(i, 'x'));
  }
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client.Read().body,
              absl::StrCat("POST /", i, " 127.0.0.1 ", std::string(i, 'x')));
  }
}

TEST(HttpRequestsTest, ReadsARequestThatComesByteByByte) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  for (const char byte : HttpRequest("POST", "/slow", "in many writes")) {
    ASSERT_TRUE(client.Send(std::string(1, byte)));
  }
  EXPECT_EQ(client.Read().body, "POST /slow 127.0.0.1 in many writes");
}

TEST(HttpRequestsTest, ReadsALargeBodyIntoOneAlignedPiece) {
  const std::string body = Pattern(std::size_t{64} << 20);
  bool aligned = false;
  bool same = false;
  const auto listener = StartListener(
      [&](const std::shared_ptr<const Request>& request, Respond respond) {
        aligned = reinterpret_cast<std::uintptr_t>(request->body) % 64 == 0;
        same = BodyOf(*request) == body;
        std::move(respond)(TextResponse("read"));
      });
  HttpClient client(listener->port());
  EXPECT_EQ(client.Ask(HttpRequest("POST", "/", body)).body, "read");
  EXPECT_TRUE(aligned);
  EXPECT_TRUE(same);
}

TEST(HttpRequestsTest, ReadsChunks) {
  const std::string body = Pattern(300000);
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  std::string request =
      "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t begin = 0; begin < body.size(); begin += 7001) {
    request += Chunk(body.substr(begin, 7001));
  }
  const std::string echo = absl::StrCat("POST / 127.0.0.1 ", body);
  EXPECT_EQ(client.Ask(request + Chunk("")).body, echo);
  // With a trailer.
  EXPECT_EQ(client
                .Ask("POST / HTTP/1.1\r\nHost: test\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n0\r\nSum: 1\r\n\r\n")
                .body,
            "POST / 127.0.0.1 abc");
}

TEST(HttpRequestsTest, DecompressesBodies) {
  const std::string body = Pattern(1000) + std::string(300000, 'a');
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  const std::string echo = absl::StrCat("POST / 127.0.0.1 ", body);
  EXPECT_EQ(client
                .Ask(HttpRequest("POST", "/", Deflated(body),
                                 "Content-Encoding: deflate\r\n"))
                .body,
            echo);
  EXPECT_EQ(client
                .Ask(absl::StrCat("POST / HTTP/1.1\r\nHost: test\r\n"
                                  "Content-Encoding: deflate\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n",
                                  Chunk(Deflated(body)), Chunk("")))
                .body,
            echo);
}

TEST(HttpRequestsTest, RefusesBodiesThatAreNotWhatTheySay) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  const HttpAnswer wrong = client.Ask(
      HttpRequest("POST", "/", "plain", "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.Header("Content-Type"), "application/json");
  EXPECT_EQ(wrong.body,
            R"({"error":"compression: what was sent is not in gzip format"})");
  const std::string half = Deflated("some words").substr(0, 9);
  EXPECT_THAT(
      client
          .Ask(HttpRequest("POST", "/", half, "Content-Encoding: deflate\r\n"))
          .body,
      HasSubstr("ends before what was compressed does"));
  // The connection can still be used.
  EXPECT_EQ(client.Ask(HttpRequest("GET", "/")).status, 200);
  const HttpAnswer unknown =
      client.Ask(HttpRequest("POST", "/", "x", "Content-Encoding: br\r\n"));
  EXPECT_EQ(unknown.status, 415);
  EXPECT_THAT(unknown.body, HasSubstr("br is not known; send gzip, deflate"));
}

TEST(HttpRequestsTest, SendsTheGoAheadThatAClientWaitsFor) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
      "Content-Length: 4\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Ask("body").body, "POST / 127.0.0.1 body");
}

TEST(HttpRequestsTest, RefusesPathsThatCannotBeRead) {
  const auto listener = StartListener(Echo);
  HttpClient client(listener->port());
  const HttpAnswer answer = client.Ask(HttpRequest("GET", "/a%00b"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, R"({"error":"path: %00 is not allowed"})");
  EXPECT_EQ(client.Ask(HttpRequest("GET", "/%zz")).status, 400);
  EXPECT_EQ(client.Ask(HttpRequest("GET", "/fine")).status, 200);
}

TEST(HttpRequestsTest, AnswersWhatIsNoHttpWithAnErrorOrNotAtAll) {
  const auto listener = StartListener(Echo);
  const std::vector<std::string> requests = {
      "\x16\x03\x01\x02\x01\xfc\x03\x03\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET\r\n\r\n",
      "nonsense\r\n\r\n",
      "GET v2 HTTP/1.1\r\nHost: test\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: many\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: test\r\n"
      "Content-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: test\r\n"
      "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"};
  for (const std::string& request : requests) {
    HttpClient client(listener->port());
    client.Send(request);
    client.CloseSending();
    const HttpAnswer answer = client.Read();
    EXPECT_TRUE(answer.status == 0 || answer.status >= 400)
        << request << answer.head;
  }
  EXPECT_EQ(HttpClient(listener->port()).Ask(HttpRequest("GET", "/")).status,
            200);
}

TEST(HttpRequestsTest, RefusesWhatTwoReadersWouldEndInDifferentPlaces) {
  const auto listener = StartListener(Echo);
  const std::vector<std::string> headers = {
      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
      "Content-Length: 4\r\nContent-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: identity\r\n",
      "Content-Length : 37\r\n",
      "Content-Length\t: 37\r\n",
      "Transfer-Encoding : chunked\r\nContent-Length: 3\r\n",
      "Host: other\r\n"};
  for (const std::string& header : headers) {
    HttpClient client(listener->port());
    const HttpAnswer answer =
        client.Ask(absl::StrCat("POST / HTTP/1.1\r\nHost: test\r\n", header,
                                "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(answer.status, 400) << header;
    EXPECT_EQ(answer.Header("Connection"), "close");
    client.CloseSending();
    EXPECT_TRUE(client.SeesEnd()) << header;
  }
}

TEST(HttpRequestsTest, NeedsAHostButOfHttp10) {
  const auto listener = StartListener(Echo);
  HttpClient without(listener->port());
  EXPECT_EQ(without.Ask("GET / HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_TRUE(without.SeesEnd());
  HttpClient old(listener->port());
  EXPECT_EQ(old.Ask("GET / HTTP/1.0\r\n\r\n").status, 200);
}

TEST(HttpRequestsTest, SurvivesClientsThatLeaveAtEveryByte) {
  const auto listener = StartListener(Echo);
  const std::string request = HttpRequest("POST", "/", "left");
  for (std::size_t size = 0; size <= request.size(); ++size) {
    HttpClient client(listener->port());
    client.Send(request.substr(0, size));
    if (size % 2 == 0) {
      client.Reset();
    } else {
      client.Close();
    }
  }
  EXPECT_EQ(HttpClient(listener->port()).Ask(request).status, 200);
}

}  // namespace
}  // namespace attention::http
