// An HTTP client that sends exactly the bytes that a test wants.
#ifndef TESTS_SERVER_HTTP_HTTP_CLIENT_H_
#define TESTS_SERVER_HTTP_HTTP_CLIENT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "server/net/file_descriptor.h"

namespace attention::http {

struct HttpAnswer {
  // 0 when the server has closed the connection instead.
  int status = 0;
  // The status line and the headers.
  std::string head{};
  std::string body{};

  // "" when there is none.
  std::string Header(absl::string_view name) const;
};

// One connection. Waits for a minute at most. Not thread-safe.
class HttpClient {
 public:
  explicit HttpClient(int port, const std::string& host = "127.0.0.1");

  bool connected() const { return connected_; }

  // False when the server does not take it all.
  bool Send(absl::string_view bytes);

  // The next answer; that to a HEAD has no body, whatever its headers say.
  HttpAnswer Read(bool to_head = false);
  // Send and Read.
  HttpAnswer Ask(absl::string_view request);
  // Whether the server closes the connection without another byte.
  bool SeesEnd();

  // No more is sent, but answers are read.
  void CloseSending();
  void Close();
  // Drops the connection as a client does that dies.
  void Reset();

 private:
  // What is there or comes next, "" at the end.
  std::string Receive(std::size_t max);

  net::FileDescriptor socket_;
  bool connected_ = false;
  std::string received_;
};

// "METHOD PATH HTTP/1.1" with a body and its length.
std::string HttpRequest(absl::string_view method, absl::string_view path,
                        absl::string_view body = "",
                        absl::string_view headers = "");

}  // namespace attention::http

#endif  // TESTS_SERVER_HTTP_HTTP_CLIENT_H_
