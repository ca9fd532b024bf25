// Proves who is on the server's machine, and what others are told.
#include "server/base/client_rule.h"

#include "gtest/gtest.h"

namespace attention {
namespace {

absl::Status Check(const char* allowed, const char* peer) {
  return CheckClient(
      {.what = "juggling", .flag = "--juggling", .allowed = allowed}, peer);
}

constexpr const char* kLocalPeers[] = {"127.0.0.1",
                                       "::1",
                                       "::ffff:127.0.0.1",
                                       "ipv4:127.0.0.1:40000",
                                       "ipv4:127.1.2.3:1",
                                       "ipv6:%5B::1%5D:40000",
                                       "ipv6:[::1]:40000",
                                       "ipv6:%5B::ffff:127.0.0.1%5D:1",
                                       "unix:/run/attention",
                                       "unix:",
                                       "inproc"};
constexpr const char* kOtherPeers[] = {"10.0.0.1",
                                       "ipv4:10.0.0.1:40000",
                                       "ipv4:12.7.0.1:1",
                                       "ipv6:%5Bfe80::1%5D:1",
                                       "ipv6:[::12]:1",
                                       "::ffff:10.0.0.1",
                                       "::12",
                                       "",
                                       "ipv4:1.127.0.0:1"};

TEST(ClientRuleTest, LocalIsThisMachine) {
  for (const char* peer : kLocalPeers) {
    EXPECT_TRUE(Check("local", peer).ok()) << peer;
  }
  for (const char* peer : kOtherPeers) {
    EXPECT_EQ(Check("local", peer).code(), absl::StatusCode::kPermissionDenied)
        << peer;
  }
  EXPECT_EQ(Check("local", "10.0.0.1").message(),
            "juggling: only for clients on the server's machine, not from "
            "10.0.0.1; --juggling any lets them");
}

TEST(ClientRuleTest, AnyIsEverybody) {
  EXPECT_TRUE(Check("any", "127.0.0.1").ok());
  EXPECT_TRUE(Check("any", "ipv4:10.0.0.1:40000").ok());
}

TEST(ClientRuleTest, OffIsNobody) {
  for (const char* peer : {"127.0.0.1", "unix:", "10.0.0.1"}) {
    EXPECT_EQ(Check("off", peer),
              absl::PermissionDeniedError(
                  "juggling: the server was started with --juggling off"));
  }
}

}  // namespace
}  // namespace attention
