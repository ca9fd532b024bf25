#include "server/rest/answers.h"

#include <cstddef>
#include <memory>
#include <utility>

#include "server/http/error_response.h"

namespace attention::oip {

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kCancelled:
      return 400;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

http::Response ErrorAnswer(const absl::Status& status) {
  return http::ErrorResponse(HttpStatus(status.code()), status.message());
}

http::Response JsonAnswer(std::string json) {
  http::Response answer;
  answer.headers = {{"Content-Type", "application/json"}};
  answer.body.push_back(ToPiece(std::move(json)));
  return answer;
}

http::Response EmptyAnswer(const absl::Status& status) {
  return status.ok() ? http::Response{} : ErrorAnswer(status);
}

http::Piece ToPiece(std::string text) {
  const auto kept = std::make_shared<const std::string>(std::move(text));
  return {.data = reinterpret_cast<const std::byte*>(kept->data()),
          .size = kept->size(),
          .owner = kept};
}

}  // namespace attention::oip
