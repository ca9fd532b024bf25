// A listener on a free port of this machine, and what tests answer with.
#ifndef TESTS_SERVER_HTTP_TEST_LISTENER_H_
#define TESTS_SERVER_HTTP_TEST_LISTENER_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "server/http/http_listener.h"

namespace attention::http {

// Port 0 of 127.0.0.1.
ListenerOptions LocalOptions();

// Ends the test program when there is no listener.
std::unique_ptr<HttpListener> StartListener(
    Handler handler, const ListenerOptions& options = LocalOptions());

Response TextResponse(absl::string_view text, int status = 200);

// Bytes that show when one of them is missing or elsewhere.
std::string Pattern(std::size_t size);

absl::string_view BodyOf(const Request& request);

// Answers at once with what it got: "METHOD PATH PEER BODY".
void Echo(const std::shared_ptr<const Request>& request, Respond respond);

// Keeps requests until the test answers them. Thread-safe.
class Inbox {
 public:
  struct Item {
    std::shared_ptr<const Request> request{};
    Respond respond{};
  };

  Handler AsHandler();

  // Waits for the next one.
  Item Take() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention::http

#endif  // TESTS_SERVER_HTTP_TEST_LISTENER_H_
