// The answers of the protocol over HTTP: JSON, nothing, or an error.
#ifndef SERVER_REST_ANSWERS_H_
#define SERVER_REST_ANSWERS_H_

#include <string>

#include "absl/status/status.h"
#include "server/http/http_listener.h"

namespace attention::oip {

// As Triton maps its own: 400 for what the client has done, AlreadyExists and
// Cancelled among it, 403 PermissionDenied, 404 NotFound, 429
// ResourceExhausted, 501 Unimplemented, 503 Unavailable, 504 DeadlineExceeded,
// and 500 for the rest.
int HttpStatus(absl::StatusCode code);

// That and {"error": MESSAGE}. REQUIRES: not OK.
http::Response ErrorAnswer(const absl::Status& status);

// 200 with `json` as its body.
http::Response JsonAnswer(std::string json);

// 200 without a body, or the error.
http::Response EmptyAnswer(const absl::Status& status);

// Sends `text`, which it keeps.
http::Piece ToPiece(std::string text);

}  // namespace attention::oip

#endif  // SERVER_REST_ANSWERS_H_
