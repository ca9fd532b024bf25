// Proves that server/README.md names every flag and every metric that there is,
// and none that there is not.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "server/flags.h"
#include "server/request/metrics.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

// The first cells, without their quotes, of the table rows that start so.
std::set<std::string> TableNames(const std::string& start) {
  std::ifstream file(std::string(std::getenv("ATTENTION_TEST_DATA")) +
                     "/../../server/README.md");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) {
    const std::string quoted = "| `" + start;
    if (!absl::StartsWith(line, quoted)) continue;
    const std::string name = line.substr(3, line.find('`', 3) - 3);
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
  }
  return names;
}

TEST(ReadmeTest, NamesEveryFlag) {
  std::set<std::string> flags;
  const std::string help = ParseFlags({"--help"}).text;
  for (absl::string_view line : absl::StrSplit(help, '\n')) {
    if (!absl::ConsumePrefix(&line, "  --")) continue;
    flags.insert("--" + std::string(line.substr(0, line.find(' '))));
  }
  EXPECT_GT(flags.size(), 20u);
  EXPECT_EQ(TableNames("--"), flags);
}

TEST(ReadmeTest, NamesEveryMetric) {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  TestServer server(options);
  // Counters appear with their first value.
  v1::AttendResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(
      server.stub().Attend(&context, SmallSdpaRequest(), &response).ok());

  std::set<std::string> metrics;
  const std::string text = server.HttpGet("/metrics");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    // The exposer's own numbers begin otherwise.
    if (!absl::ConsumePrefix(&line, "# TYPE attention_")) continue;
    metrics.insert("attention_" + std::string(line.substr(0, line.find(' '))));
  }
  EXPECT_EQ(TableNames("attention_"), metrics);
}

}  // namespace
}  // namespace attention
