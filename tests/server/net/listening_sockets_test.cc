// Proves which addresses a port takes connections on.
#include "server/net/listening_sockets.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/http/http_client.h"
#include "tests/support/has_address.h"

namespace attention::net {
namespace {

using ::testing::HasSubstr;

TEST(ListeningSocketsTest, AllAddressesAreOfBothFamilies) {
  const auto listening = Listen("--port", "0.0.0.0", 0);
  ASSERT_TRUE(listening.ok()) << listening.status();
  EXPECT_TRUE(http::HttpClient(listening->port).connected());
  if (!HasAddress("::1")) GTEST_SKIP() << "there is no IPv6";
  EXPECT_TRUE(http::HttpClient(listening->port, "::1").connected());
}

TEST(ListeningSocketsTest, OneAddressIsNoOther) {
  const auto listening = Listen("--port", "127.0.0.1", 0);
  ASSERT_TRUE(listening.ok()) << listening.status();
  EXPECT_FALSE(http::HttpClient(listening->port, "127.0.0.2").connected());
}

TEST(ListeningSocketsTest, APortInUseIsNamedWithItsFlag) {
  for (const char* const host : {"127.0.0.1", "0.0.0.0"}) {
    const auto first = Listen("--port", host, 0);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_THAT(Listen("--port", host, first->port).status().message(),
                HasSubstr("--port: cannot listen on "));
  }
}

}  // namespace
}  // namespace attention::net
