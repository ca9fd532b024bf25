// What the headers of a request say about where it ends.
//
// Two readers of one connection, a proxy and this server, must not disagree
// about that: what one of them takes for a body may be another request to the
// other. What can be read in two ways is refused.
#ifndef SERVER_HTTP_REQUEST_HEADERS_H_
#define SERVER_HTTP_REQUEST_HEADERS_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/http_listener.h"

namespace attention::http {

// InvalidArgument for a name that is no token of RFC 9110, such as one with a
// space before its colon, and unless there is one Host, without which only
// HTTP/1.0 may be. `version` is that of the request line, "HTTP/1.1".
absl::Status CheckHeaders(const Request& request, absl::string_view version);

// Bytes of the body, nothing when it comes in chunks. InvalidArgument when the
// headers contradict each other, OutOfRange for more than an int64 has.
absl::StatusOr<std::optional<std::int64_t>> AnnouncedSize(
    const Request& request);

}  // namespace attention::http

#endif  // SERVER_HTTP_REQUEST_HEADERS_H_
