// How the listener itself says that something is wrong.
#ifndef SERVER_HTTP_ERROR_RESPONSE_H_
#define SERVER_HTTP_ERROR_RESPONSE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http/http_listener.h"

namespace attention::http {

// {"error": "MESSAGE"}
std::string ErrorJson(absl::string_view message);

// A whole answer, the last one of its connection, for where libmicrohttpd sends
// none. `status_line`: "408 Request Timeout".
std::string LastErrorText(absl::string_view status_line,
                          absl::string_view message);

// ErrorJson with an HTTP status, "404".
Response ErrorResponse(int status, absl::string_view message);

// Why a request did not get as far as the handler: InvalidArgument is 400,
// OutOfRange (a body that is too large) 413, Unimplemented (an encoding) 415,
// ResourceExhausted and Unavailable 503, all else 500.
Response RefusalResponse(const absl::Status& error);

}  // namespace attention::http

#endif  // SERVER_HTTP_ERROR_RESPONSE_H_
