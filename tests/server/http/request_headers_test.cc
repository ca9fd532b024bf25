// Proves that headers which two readers may understand in two ways are refused.
#include "server/http/request_headers.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace attention::http {
namespace {

Request WithHeaders(decltype(Request::headers) headers) {
  Request request;
  request.headers = std::move(headers);
  return request;
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(RequestHeadersTest, NamesAreTokens) {
  // All characters of RFC 9110, section 5.6.2.
  EXPECT_TRUE(
      CheckHeaders(WithHeaders({{"Host", ""},
                                {"!#$%&'*+-.^_`|~09azAZ", "any value: \xff"}}),
                   "HTTP/1.1")
          .ok());
  for (const char* const name :
       {"Content-Length ", "Content-Length\t", " Content-Length", "", "a b",
        "a:", "a\"", "a(b)", "a\x7f", "h\xc3\xa4"}) {
    const absl::Status status =
        CheckHeaders(WithHeaders({{"Host", ""}, {name, "1"}}), "HTTP/1.1");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(Message(CheckHeaders(WithHeaders({{"a\tb", ""}}), "HTTP/1.1")),
            "headers: \"a\\tb\" is no name of a header; names have letters, "
            "digits and dashes, and no space before the colon");
}

TEST(RequestHeadersTest, ThereIsOneHost) {
  EXPECT_TRUE(CheckHeaders(WithHeaders({{"HOST", "a"}}), "HTTP/1.1").ok());
  EXPECT_TRUE(CheckHeaders(WithHeaders({}), "HTTP/1.0").ok());
  EXPECT_EQ(Message(CheckHeaders(WithHeaders({}), "HTTP/1.1")),
            "headers: 0 are Host; send it once");
  for (const char* const version : {"HTTP/1.0", "HTTP/1.1"}) {
    EXPECT_EQ(Message(CheckHeaders(WithHeaders({{"Host", "a"}, {"host", "a"}}),
                                   version)),
              "headers: 2 are Host; send it once");
  }
}

TEST(RequestHeadersTest, SizesAreAnnouncedOnce) {
  EXPECT_EQ(*AnnouncedSize(WithHeaders({})), 0);
  EXPECT_EQ(*AnnouncedSize(WithHeaders({{"content-length", "37"}})), 37);
  EXPECT_EQ(*AnnouncedSize(WithHeaders({{"transfer-encoding", "Chunked"}})),
            std::nullopt);
  for (const auto& request :
       {WithHeaders({{"Content-Length", "1"}, {"Content-Length", "1"}}),
        WithHeaders(
            {{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}}),
        WithHeaders({{"Transfer-Encoding", "gzip, chunked"}})}) {
    EXPECT_EQ(AnnouncedSize(request).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(RequestHeadersTest, SizesBeyondAnInt64AreTooLarge) {
  EXPECT_EQ(
      *AnnouncedSize(WithHeaders({{"Content-Length", "9223372036854775807"}})),
      9223372036854775807);
  const absl::Status status =
      AnnouncedSize(WithHeaders({{"Content-Length", "9223372036854775808"}}))
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Message(status),
            "Content-Length: 9223372036854775808 is more than any body may "
            "have");
}

}  // namespace
}  // namespace attention::http
