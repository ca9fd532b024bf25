#include "tests/server/http/test_listener.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace attention::http {

ListenerOptions LocalOptions() { return {.host = "127.0.0.1", .port = 0}; }

std::unique_ptr<HttpListener> StartListener(Handler handler,
                                            const ListenerOptions& options) {
  absl::StatusOr<std::unique_ptr<HttpListener>> listener =
      HttpListener::Create(options, std::move(handler));
  if (!listener.ok()) {
    std::cerr << listener.status() << '\n';
    std::abort();
  }
  return *std::move(listener);
}

Response TextResponse(absl::string_view text, int status) {
  const auto kept = std::make_shared<const std::string>(text);
  Response response;
  response.status = status;
  response.body = {
      Piece{.data = reinterpret_cast<const std::byte*>(kept->data()),
            .size = kept->size(),
            .owner = kept}};
  return response;
}

std::string Pattern(std::size_t size) {
  std::string pattern(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    pattern[i] = static_cast<char>(i * 2654435761U >> 13);
  }
  return pattern;
}

absl::string_view BodyOf(const Request& request) {
  return {reinterpret_cast<const char*>(request.body), request.body_size};
}

void Echo(const std::shared_ptr<const Request>& request, Respond respond) {
  std::move(respond)(
      TextResponse(absl::StrCat(request->method, " ", request->path, " ",
                                request->peer, " ", BodyOf(*request))));
}

Handler Inbox::AsHandler() {
  return [this](std::shared_ptr<const Request> request, Respond respond) {
    MutexLock lock(mutex_);
    items_.push_back(
        {.request = std::move(request), .respond = std::move(respond)});
    arrived_.notify_all();
  };
}

Inbox::Item Inbox::Take() {
  MutexLock lock(mutex_);
  while (items_.empty()) arrived_.wait(mutex_);
  Item item = std::move(items_.front());
  items_.pop_front();
  return item;
}

}  // namespace attention::http
