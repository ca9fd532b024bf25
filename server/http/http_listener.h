// An HTTP/1.1 server: its port, its limits, one handler for every request.
#ifndef SERVER_HTTP_HTTP_LISTENER_H_
#define SERVER_HTTP_HTTP_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attention::http {

// Bytes that are sent from where they are; `owner` keeps them alive until then.
struct Piece {
  const std::byte* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner{};
};

struct Response {
  int status = 200;
  // Names and values beside Content-Length, which the listener sets.
  std::vector<std::pair<std::string, std::string>> headers{};
  // The body is all of them, one after another.
  std::vector<Piece> body{};
};

// Sends the answer; called exactly once, on any thread, also after the client
// has left.
using Respond = absl::AnyInvocable<void(Response) &&>;

// One request, whole. Shared: views of the body keep it alive.
struct Request {
  std::string method{};
  // Decoded, without the query: "/v2/models/minilm/0/infer".
  std::string path{};
  std::vector<std::pair<std::string, std::string>> headers{};
  // Contiguous, its first byte aligned to 64 bytes.
  const std::byte* body = nullptr;
  std::size_t body_size = 0;
  // The client's address, "127.0.0.1".
  std::string peer{};
  // True as soon as the client has left.
  std::function<bool()> cancelled{};

  // Empty when there is none; case does not matter.
  absl::string_view Header(absl::string_view name) const;
};

// Called on a thread of the listener; must not block.
using Handler = std::function<void(std::shared_ptr<const Request> request,
                                   Respond respond)>;

struct ListenerOptions {
  std::string host = "0.0.0.0";
  // 0 takes any free port.
  int port = 8000;
  // A larger body is refused with 413 before it is read.
  std::int64_t max_body_bytes = std::int64_t{256} << 20;
  int max_connections = 4096;
};

// Serves from Create to Shutdown. Thread-safe but for closing.
class HttpListener {
 public:
  // FailedPrecondition when the port cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Create(
      const ListenerOptions& options, Handler handler);

  // Shutdown(), unless that was called.
  ~HttpListener();

  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Closes the port; open requests are still answered, then their connections
  // close. Once.
  void CloseConnections();

  // Waits for the requests that are open, whose answers must come, and ends.
  void Shutdown();

  int port() const;

 private:
  class Impl;

  explicit HttpListener(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_HTTP_LISTENER_H_
