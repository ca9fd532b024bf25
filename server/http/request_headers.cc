#include "server/http/request_headers.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace attention::http {
namespace {

bool IsToken(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("!#$%&'*+-.^_`|~", c);
  });
}

std::int64_t Count(const Request& request, absl::string_view name) {
  return std::count_if(request.headers.begin(), request.headers.end(),
                       [name](const auto& header) {
                         return absl::EqualsIgnoreCase(header.first, name);
                       });
}

}  // namespace

absl::Status CheckHeaders(const Request& request, absl::string_view version) {
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "headers: \"", absl::CHexEscape(name),
          "\" is no name of a header; names have letters, digits and dashes, "
          "and no space before the colon"));
    }
  }
  const std::int64_t hosts = Count(request, "Host");
  if (hosts > 1 || (hosts == 0 && version != "HTTP/1.0")) {
    return absl::InvalidArgumentError(
        absl::StrCat("headers: ", hosts, " are Host; send it once"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::int64_t>> AnnouncedSize(
    const Request& request) {
  const std::int64_t encodings = Count(request, "Transfer-Encoding");
  const std::int64_t lengths = Count(request, "Content-Length");
  if (encodings + lengths > 1) {
    return absl::InvalidArgumentError(
        "headers: more than one Content-Length or Transfer-Encoding");
  }
  if (encodings == 1) {
    if (!absl::EqualsIgnoreCase(request.Header("Transfer-Encoding"),
                                "chunked")) {
      return absl::InvalidArgumentError(
          "Transfer-Encoding: chunked is the only one that is known");
    }
    return std::nullopt;
  }
  if (lengths == 0) return std::optional<std::int64_t>(0);
  // Digits only: libmicrohttpd answers all else itself.
  std::int64_t size = 0;
  if (!absl::SimpleAtoi(request.Header("Content-Length"), &size)) {
    return absl::OutOfRangeError(
        absl::StrCat("Content-Length: ", request.Header("Content-Length"),
                     " is more than any body may have"));
  }
  return size;
}

}  // namespace attention::http
