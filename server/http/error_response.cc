#include "server/http/error_response.h"

#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "microhttpd.h"
#include "nlohmann/json.hpp"

namespace attention::http {
namespace {

int RefusalStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return MHD_HTTP_BAD_REQUEST;
    case absl::StatusCode::kOutOfRange:
      return MHD_HTTP_CONTENT_TOO_LARGE;
    case absl::StatusCode::kUnimplemented:
      return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
      return MHD_HTTP_INTERNAL_SERVER_ERROR;
  }
}

}  // namespace

std::string ErrorJson(absl::string_view message) {
  const nlohmann::json error = {{"error", std::string(message)}};
  // Replaces what is not UTF-8, which would throw otherwise.
  return error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string LastErrorText(absl::string_view status_line,
                          absl::string_view message) {
  const std::string json = ErrorJson(message);
  return absl::StrCat("HTTP/1.1 ", status_line,
                      "\r\n"
                      "Connection: close\r\n"
                      "Content-Type: application/json\r\n"
                      "Content-Length: ",
                      json.size(), "\r\n\r\n", json);
}

Response ErrorResponse(int status, absl::string_view message) {
  const auto json = std::make_shared<const std::string>(ErrorJson(message));
  Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"}};
  response.body = {
      Piece{.data = reinterpret_cast<const std::byte*>(json->data()),
            .size = json->size(),
            .owner = json}};
  return response;
}

Response RefusalResponse(const absl::Status& error) {
  return ErrorResponse(RefusalStatus(error.code()), error.message());
}

}  // namespace attention::http
