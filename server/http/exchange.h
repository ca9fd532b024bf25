// One request and its answer, on the thread of libmicrohttpd that serves the
// connection.
#ifndef SERVER_HTTP_EXCHANGE_H_
#define SERVER_HTTP_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/clock.h"
#include "microhttpd.h"
#include "server/http/content_decoder.h"
#include "server/http/http_listener.h"
#include "server/http/open_exchanges.h"
#include "server/http/pending_answer.h"
#include "server/http/request_body.h"
#include "server/http/transfers.h"

namespace attention::http {

// What the exchanges of a loop share, with those of other loops but for
// `transfers` and `wake`.
struct ExchangeContext {
  Handler handler{};
  std::int64_t max_body_bytes = 0;
  std::shared_ptr<BodyMemory> body_memory{};
  OpenExchanges* open = nullptr;
  const Clock* clock = nullptr;
  // As LingeringSockets::Add.
  std::function<void(int socket)> linger{};
  // Of the loop.
  Transfers* transfers = nullptr;
  // An eventfd: the loop is to look at its connections.
  int wake = -1;
};

class Exchange {
 public:
  // MHD_AccessHandlerCallback; `context` is the ExchangeContext. It is called
  // when the headers are there, for each part of the body, when that has ended,
  // and again when the answer is there.
  static MHD_Result OnAccess(void* context, MHD_Connection* connection,
                             const char* target, const char* method,
                             const char* version, const char* data,
                             std::size_t* data_size, void** exchange);

  // MHD_RequestCompletedCallback: sent, or the connection has died.
  static void OnCompleted(void* context, MHD_Connection* connection,
                          void** exchange, MHD_RequestTerminationCode code);

 private:
  struct OwnedRequest;

  Exchange(ExchangeContext& context, MHD_Connection* connection);

  // Judges what the headers say; an error is the answer.
  absl::Status Begin(absl::string_view target, absl::string_view method,
                     absl::string_view version);
  absl::Status PrepareBody();
  MHD_Result TakeData(std::span<const std::byte> data);
  // Until when what has come of the body, and more, is taken.
  Clock::TimePoint BodyTime() const;
  MHD_Result RefuseSlowBody();
  MHD_Result Finish();
  void CallHandler();

  bool has_body() const { return announced_ != 0; }
  MHD_Result Queue(Response response);

  ExchangeContext& context_;
  MHD_Connection* const connection_;
  const Clock::TimePoint begun_;
  std::shared_ptr<OwnedRequest> request_;
  std::unique_ptr<ContentDecoder> decoder_;
  // Content-Length, nothing for a chunked body.
  std::optional<std::int64_t> announced_ = 0;
  absl::Status error_;
  std::int64_t received_bytes_ = 0;
  // Of a body that is refused and read to its end all the same.
  std::int64_t dropped_bytes_ = 0;
  // The client may still be sending when it is answered.
  bool lingers_ = false;
  std::shared_ptr<PendingAnswer> answer_;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_EXCHANGE_H_
