#include "server/http/request_path.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace attention::http {
namespace {

constexpr absl::string_view kScheme = "http://";

// What comes after "http://host"; what has no scheme is left as it is.
absl::string_view WithoutAuthority(absl::string_view target) {
  if (!absl::StartsWithIgnoreCase(target, kScheme)) return target;
  const std::size_t slash = target.find('/', kScheme.size());
  return slash == absl::string_view::npos ? "/" : target.substr(slash);
}

}  // namespace

absl::StatusOr<std::string> DecodePath(absl::string_view target) {
  const absl::string_view path = WithoutAuthority(target);
  // "*" asks about the server as a whole (OPTIONS).
  if (!absl::StartsWith(path, "/") && path != "*") {
    return absl::InvalidArgumentError(
        "path: does not begin with a slash; a request line is like "
        "`GET /v2 HTTP/1.1`");
  }
  std::string decoded;
  decoded.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      decoded.push_back(path[i]);
      continue;
    }
    const absl::string_view digits = path.substr(i + 1, 2);
    std::uint32_t byte = 0;
    // SimpleHexAtoi alone would take a sign or spaces.
    if (digits.size() < 2 || !absl::ascii_isxdigit(digits[0]) ||
        !absl::ascii_isxdigit(digits[1]) ||
        !absl::SimpleHexAtoi(digits, &byte)) {
      return absl::InvalidArgumentError(
          absl::StrCat("path: %", absl::CHexEscape(digits),
                       " is not a percent sign and two hexadecimal digits"));
    }
    if (byte == 0) {
      return absl::InvalidArgumentError("path: %00 is not allowed");
    }
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  return decoded;
}

}  // namespace attention::http
