#include "tests/server/http/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace attention::http {

std::string HttpAnswer::Header(absl::string_view name) const {
  for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (absl::EqualsIgnoreCase(parts.first, name)) {
      return std::string(parts.second);
    }
  }
  return "";
}

HttpClient::HttpClient(int port, const std::string& host) {
  const bool ipv6 = absl::StrContains(host, ':');
  const auto network_port = htons(static_cast<std::uint16_t>(port));
  socket_ = net::FileDescriptor(
      socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
             sizeof(patience));
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
             sizeof(patience));
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = network_port;
  sockaddr_in address4{};
  address4.sin_family = AF_INET;
  address4.sin_port = network_port;
  inet_pton(AF_INET6, host.c_str(), &address6.sin6_addr);
  inet_pton(AF_INET, host.c_str(), &address4.sin_addr);
  connected_ = connect(socket_.get(),
                       ipv6 ? reinterpret_cast<const sockaddr*>(&address6)
                            : reinterpret_cast<const sockaddr*>(&address4),
                       ipv6 ? sizeof(address6) : sizeof(address4)) == 0;
}

bool HttpClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

HttpAnswer HttpClient::Read(bool to_head) {
  HttpAnswer answer;
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = Receive(4096);
    if (more.empty()) return answer;
    received_ += more;
  }
  answer.head = received_.substr(0, end);
  received_.erase(0, end + 4);
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(answer.head, absl::MaxSplits(' ', 1));
  if (!absl::SimpleAtoi(parts.second.substr(0, 3), &answer.status)) {
    return answer;
  }
  std::size_t size = 0;
  if (to_head || !absl::SimpleAtoi(answer.Header("Content-Length"), &size)) {
    return answer;
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, answer.body.size());
  answer.body.reserve(size);
  while (answer.body.size() < size) {
    const std::string more = Receive(size - answer.body.size());
    if (more.empty()) break;
    answer.body += more;
  }
  return answer;
}

HttpAnswer HttpClient::Ask(absl::string_view request) {
  Send(request);
  return Read();
}

bool HttpClient::SeesEnd() {
  char byte = 0;
  return received_.empty() && recv(socket_.get(), &byte, 1, 0) == 0;
}

void HttpClient::CloseSending() { shutdown(socket_.get(), SHUT_WR); }

void HttpClient::Close() { socket_ = net::FileDescriptor(); }

void HttpClient::Reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

std::string HttpClient::Receive(std::size_t max) {
  std::string bytes(std::min(max, std::size_t{1} << 20), '\0');
  const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

std::string HttpRequest(absl::string_view method, absl::string_view path,
                        absl::string_view body, absl::string_view headers) {
  return absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: test\r\n", headers,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

}  // namespace attention::http
