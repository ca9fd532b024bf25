// Proves how the path of a request line is read, by RFC 3986's rules worked out
// by hand.
#include "server/http/request_path.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace attention::http {
namespace {

TEST(RequestPathTest, DecodesEveryEscapedByteOnce) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/", "/"},
      {"/v2/models/minilm/0/infer", "/v2/models/minilm/0/infer"},
      {"/minilm%2F0%40weights", "/minilm/0@weights"},
      {"/minilm%2f0@weights", "/minilm/0@weights"},
      {"/%2540", "/%40"},
      {"/a+b", "/a+b"},
      {"/%c3%A4", "/\xc3\xa4"},
      {"*", "*"}};
  for (const auto& [target, path] : cases) {
    const absl::StatusOr<std::string> decoded = DecodePath(target);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, path);
  }
}

TEST(RequestPathTest, LeavesOutTheServerThatProxiesName) {
  EXPECT_EQ(*DecodePath("http://host:8000/v2/health%2Flive"),
            "/v2/health/live");
  EXPECT_EQ(*DecodePath("HTTP://host"), "/");
}

TEST(RequestPathTest, RefusesWhatIsNoPath) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "path: does not begin with a slash"},
      {"v2", "path: does not begin with a slash"},
      {"/a%", "path: % is not a percent sign and two"},
      {"/a%4", "path: %4 is not a percent sign and two"},
      {"/a%4g", "path: %4g is not a percent sign and two"},
      {"/a%\n1", "path: %\\n1 is not a percent sign and two"},
      {"/a%00b", "path: %00 is not allowed"}};
  for (const auto& [target, message] : cases) {
    const absl::Status status = DecodePath(target).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << target;
    EXPECT_EQ(status.message().substr(0, message.size()), message);
  }
}

}  // namespace
}  // namespace attention::http
