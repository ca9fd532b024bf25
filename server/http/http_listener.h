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
#include "core/base/clock.h"

namespace attention::http {

// Bytes that are sent from where they are; `owner` keeps them alive until they
// are sent or their connection has died.
struct Piece {
  const std::byte* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner{};
};

struct Response {
  // 200 to 599.
  int status = 200;
  // Names and values beside Content-Length, Connection and Date, which the
  // listener sets.
  std::vector<std::pair<std::string, std::string>> headers{};
  // The body is all of them, one after another; up to 512 are sent without a
  // copy. Never compressed: tensors hardly get smaller, and a client that says
  // Accept-Encoding may be answered plainly.
  std::vector<Piece> body{};
  // Let go of when the answer is sent or its connection has died.
  std::shared_ptr<const void> owner{};
};

// Sends the answer; called once, on any thread, also after the client has left
// and while the listener shuts down. Destroyed uncalled it answers 500.
using Respond = absl::AnyInvocable<void(Response) &&>;

// One request, whole. Shared: views of the body keep it alive.
struct Request {
  // As sent, "GET"; case matters. Of an answer to "HEAD" no body is sent.
  std::string method{};
  // Decoded, without the query: "/v2/models/minilm/0/infer". A slash that was
  // sent as %2F is like any other. May be no UTF-8.
  std::string path{};
  // As sent, in their order.
  std::vector<std::pair<std::string, std::string>> headers{};
  // Contiguous, its first byte aligned to 64 bytes; null when it is empty. What
  // came with Content-Encoding gzip or deflate is decompressed.
  const std::byte* body = nullptr;
  std::size_t body_size = 0;
  // The client's address, "127.0.0.1"; of a page in a browser, which may be
  // anybody's wherever the browser runs, "a web page of" its Origin.
  std::string peer{};
  // True once the client has closed the connection or its side of it, and once
  // the answer is sent. Asks the kernel, with one call; a client whose machine
  // or network has died is not noticed. On any thread, at any time.
  std::function<bool()> cancelled{};

  // The first of that name, empty when there is none; case does not matter.
  absl::string_view Header(absl::string_view name) const;
};

// Called on one of the listener's threads, several at a time; must not block,
// as other connections wait for that thread.
using Handler = std::function<void(std::shared_ptr<const Request> request,
                                   Respond respond)>;

struct ListenerOptions {
  // A name or an address; "::" takes IPv4 as well.
  std::string host = "0.0.0.0";
  // 0 takes any free port.
  int port = 8000;
  // A larger body is refused with 413 before it is read; one in chunks or
  // compressed as soon as it gets larger.
  std::int64_t max_body_bytes = std::int64_t{256} << 20;
  // What all bodies hold together, those being received and those of requests
  // that still exist; one more is refused with 503.
  std::int64_t max_total_body_bytes = std::int64_t{4} << 30;
  // One more is answered 503 and closed.
  int max_connections = 4096;
  // A connection on which nothing has moved for so long is closed, but not one
  // that waits for its answer. More than the 60 to 90 seconds for which load
  // balancers and client libraries keep an idle connection: it is them who
  // should close it, as they may be about to use it.
  int idle_seconds = 120;
  // Tells how long bodies and answers take (transfer_time.h); outlives the
  // listener.
  const Clock* clock = &SystemClock();
};

// An HTTP/1.1 server: keep-alive, pipelining, chunked and compressed bodies,
// Expect: 100-continue, HEAD. What it refuses itself it answers with
// {"error": "..."}; requests that are no HTTP get a page of libmicrohttpd's.
//
// Serves from Create to Shutdown. Thread-safe but for closing.
class HttpListener {
 public:
  // FailedPrecondition when the port cannot be had, ResourceExhausted when the
  // system has no thread or memory left.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Create(
      const ListenerOptions& options, Handler handler);

  // Shutdown(), unless that was called.
  ~HttpListener();

  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Closes the port, at once. Requests on the connections that there are still
  // reach the handler; their answers say `Connection: close`. Once.
  void CloseConnections();

  // Closes the port, refuses what has not reached the handler yet, waits for
  // the answers of all that has, which must come, sends them and ends. Clients
  // have five seconds to read theirs.
  void Shutdown();

  int port() const;

 private:
  class Impl;

  explicit HttpListener(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_HTTP_LISTENER_H_
