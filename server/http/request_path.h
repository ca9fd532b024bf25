// The path that a request line names.
#ifndef SERVER_HTTP_REQUEST_PATH_H_
#define SERVER_HTTP_REQUEST_PATH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attention::http {

// "/a%40b" is "/a@b", and so is "http://host/a%40b", which proxies send; %2F is
// a slash like any other. InvalidArgument when a percent sign is not followed
// by two hexadecimal digits, for %00, and when there is no path.
absl::StatusOr<std::string> DecodePath(absl::string_view target);

}  // namespace attention::http

#endif  // SERVER_HTTP_REQUEST_PATH_H_
