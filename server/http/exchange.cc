#include "server/http/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/http/error_response.h"
#include "server/http/mhd_response.h"
#include "server/http/request_headers.h"
#include "server/http/request_path.h"
#include "server/http/transfer_time.h"

namespace attention::http {
namespace {

// A chunked body that has become too large is read to its end, as there is no
// other place for the answer; a client that goes on for longer is cut off.
constexpr std::int64_t kMaxDroppedBytes = std::int64_t{1} << 30;

// A body that is late is answered when more of it comes, and its connection
// ends when nothing does, or only what frames it: sizes of chunks, trailers.
constexpr std::chrono::seconds kLastWord{10};

MHD_Result AddHeader(void* headers, MHD_ValueKind /*kind*/, const char* name,
                     std::size_t name_size, const char* value,
                     std::size_t value_size) {
  static_cast<decltype(Request::headers)*>(headers)->emplace_back(
      std::string(name, name_size), std::string(value, value_size));
  return MHD_YES;
}

int Socket(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
      ->connect_fd;
}

// "127.0.0.1", also where that came to an IPv6 socket; "" if it has none.
std::string Peer(MHD_Connection* connection) {
  const sockaddr* const address =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
          ->client_addr;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    const auto* const ipv4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &ipv4->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    const auto* const ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &ipv6->sin6_addr, text.data(), text.size());
  }
  return std::string(absl::StripPrefix(text.data(), "::ffff:"));
}

}  // namespace

// The request that the handler gets, and the memory of its body.
struct Exchange::OwnedRequest : Request {
  std::optional<RequestBody> memory{};
};

MHD_Result Exchange::OnAccess(void* context, MHD_Connection* connection,
                              const char* target, const char* method,
                              const char* version, const char* data,
                              std::size_t* data_size, void** exchange) {
  if (*exchange == nullptr) {
    auto* const begun =
        new Exchange(*static_cast<ExchangeContext*>(context), connection);
    *exchange = begun;  // Deleted by OnCompleted.
    begun->error_ = begun->Begin(target, method, version);
    // Of a request without a body this would close the connection.
    if (begun->error_.ok() || !begun->has_body()) return MHD_YES;
    begun->lingers_ = true;
    return begun->Queue(RefusalResponse(begun->error_));
  }
  auto* const self = static_cast<Exchange*>(*exchange);
  if (*data_size == 0) return self->Finish();
  return self->TakeData(std::as_bytes(
      std::span(data, std::exchange(*data_size, std::size_t{0}))));
}

void Exchange::OnCompleted(void* /*context*/, MHD_Connection* connection,
                           void** exchange,
                           MHD_RequestTerminationCode /*code*/) {
  const std::unique_ptr<Exchange> self(
      static_cast<Exchange*>(std::exchange(*exchange, nullptr)));
  if (self == nullptr) return;
  self->context_.transfers->End(Socket(connection));
  if (self->lingers_) self->context_.linger(Socket(connection));
  if (self->answer_ == nullptr) return;
  self->answer_->End();
  self->context_.open->Sent();
}

Exchange::Exchange(ExchangeContext& context, MHD_Connection* connection)
    : context_(context),
      connection_(connection),
      begun_(context.clock->Now()),
      request_(std::make_shared<OwnedRequest>()) {}

absl::Status Exchange::Begin(absl::string_view target, absl::string_view method,
                             absl::string_view version) {
  request_->method = std::string(method);
  MHD_get_connection_values_n(connection_, MHD_HEADER_KIND, &AddHeader,
                              &request_->headers);
  // A page in a browser on this machine may be anybody's.
  const absl::string_view origin = request_->Header("Origin");
  request_->peer = origin.empty()
                       ? Peer(connection_)
                       : absl::StrCat("a web page of ", Quote(origin));
  // Until it is known all is body, which is dropped after an error.
  announced_ = std::nullopt;
  ATTENTION_RETURN_IF_ERROR(CheckHeaders(*request_, version));
  ATTENTION_ASSIGN_OR_RETURN(announced_, AnnouncedSize(*request_));
  ATTENTION_ASSIGN_OR_RETURN(request_->path, DecodePath(target));
  if (!has_body()) return absl::OkStatus();
  context_.transfers->AllowUntil(Socket(connection_), BodyTime() + kLastWord);
  return PrepareBody();
}

absl::Status Exchange::PrepareBody() {
  if (announced_.value_or(0) > context_.max_body_bytes) {
    return absl::OutOfRangeError(absl::StrCat("body: has ", *announced_,
                                              " bytes, one request may have ",
                                              context_.max_body_bytes));
  }
  ATTENTION_ASSIGN_OR_RETURN(
      decoder_, ContentDecoder::Create(request_->Header("Content-Encoding")));
  request_->memory.emplace(context_.body_memory, context_.max_body_bytes,
                           decoder_ == nullptr ? announced_ : std::nullopt);
  return absl::OkStatus();
}

MHD_Result Exchange::TakeData(std::span<const std::byte> data) {
  received_bytes_ += static_cast<std::int64_t>(data.size());
  if (context_.clock->Now() > BodyTime()) return RefuseSlowBody();
  context_.transfers->AllowUntil(Socket(connection_), BodyTime() + kLastWord);
  if (error_.ok()) {
    error_ = decoder_ == nullptr ? request_->memory->Append(data)
                                 : decoder_->Decode(data, *request_->memory);
    if (!error_.ok()) request_->memory.reset();
    return MHD_YES;
  }
  dropped_bytes_ += static_cast<std::int64_t>(data.size());
  return dropped_bytes_ <= kMaxDroppedBytes ? MHD_YES : MHD_NO;
}

Clock::TimePoint Exchange::BodyTime() const {
  return begun_ + TransferTime(received_bytes_);
}

MHD_Result Exchange::RefuseSlowBody() {
  // Directly: libmicrohttpd takes no answer while a body arrives. It has sent
  // nothing since the last answer but 100 Continue, so that there is room.
  const std::string refusal = LastErrorText(
      "408 Request Timeout",
      absl::StrCat("body: ", received_bytes_, " bytes have come; it has ",
                   kLeastTime.count(), " seconds, and one more for each ",
                   kLeastBytesPerSecond, " bytes"));
  send(Socket(connection_), refusal.data(), refusal.size(),
       MSG_NOSIGNAL | MSG_DONTWAIT);
  lingers_ = true;
  return MHD_NO;
}

MHD_Result Exchange::Finish() {
  if (answer_ == nullptr) {
    context_.transfers->End(Socket(connection_));
    if (error_.ok() && decoder_ != nullptr) error_ = decoder_->Finish();
    if (error_.ok() && !context_.open->Enter()) {
      error_ = absl::UnavailableError("the server is stopping");
    }
    if (!error_.ok()) return Queue(RefusalResponse(error_));
    CallHandler();
  }
  std::optional<Response> response = answer_->TakeOrSuspend(connection_);
  return response.has_value() ? Queue(*std::move(response)) : MHD_YES;
}

void Exchange::CallHandler() {
  answer_ = std::make_shared<PendingAnswer>(*context_.open, Socket(connection_),
                                            context_.wake);
  request_->cancelled = [answer = answer_] { return answer->ClientHasLeft(); };
  if (request_->memory.has_value()) {
    request_->body = request_->memory->data();
    request_->body_size = request_->memory->size();
  }
  context_.handler(std::exchange(request_, nullptr), RespondTo(answer_));
}

MHD_Result Exchange::Queue(Response response) {
  const bool keep_alive = context_.open->keeps_alive();
  int status = response.status;
  std::int64_t bytes = 0;
  for (const Piece& piece : response.body) {
    bytes += static_cast<std::int64_t>(piece.size);
  }
  context_.transfers->AllowUntil(Socket(connection_),
                                 context_.clock->Now() + TransferTime(bytes));
  MhdResponsePtr converted = ToMhdResponse(std::move(response), keep_alive);
  if (converted == nullptr) {
    status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    converted = ToMhdResponse(
        ErrorResponse(status, "the answer has a header that HTTP has not"),
        keep_alive);
  }
  return MHD_queue_response(connection_, static_cast<unsigned int>(status),
                            converted.get());
}

}  // namespace attention::http
