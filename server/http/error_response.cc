#include "server/http/error_response.h"

#include <cstddef>
#include <memory>

#include "microhttpd.h"
#include "nlohmann/json.hpp"

namespace attention::http {
namespace {

int HttpStatus(absl::StatusCode code) {
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

Response ErrorResponse(const absl::Status& error) {
  return ErrorResponse(HttpStatus(error.code()),
                       {error.message().data(), error.message().size()});
}

}  // namespace attention::http
