// Proves whose shared memory is mapped, listed and used, whichever protocol
// they ask by, and that others cannot find out what there is.
#include "server/inference/client_regions.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

class ClientRegionsTest : public ::testing::Test {
 protected:
  // What `peer` is told, after which nothing is registered.
  absl::Status Register(const char* allowed, const char* peer) {
    const absl::Status status =
        ClientRegions(memory_, allowed, peer).Register(region_);
    memory_.Unregister("");
    return status;
  }

  SharedMemory memory_;
  const ShmObject object_{64};
  const RegionStatus region_ = {
      .name = "r", .key = object_.key(), .byte_size = 64};
};

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

TEST_F(ClientRegionsTest, LocalIsThisMachine) {
  for (const char* peer : kLocalPeers) {
    EXPECT_TRUE(Register("local", peer).ok()) << peer;
  }
  for (const char* peer : kOtherPeers) {
    const absl::Status status = Register("local", peer);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << peer;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("only for clients on the server's machine"));
  }
}

TEST_F(ClientRegionsTest, AnyIsEverybody) {
  EXPECT_TRUE(Register("any", "127.0.0.1").ok());
  EXPECT_TRUE(Register("any", "ipv4:10.0.0.1:40000").ok());
}

TEST_F(ClientRegionsTest, OffIsNobody) {
  const absl::Status status = Register("off", "127.0.0.1");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--shared-memory off"));
}

TEST_F(ClientRegionsTest, WhoMayDoesAll) {
  const ClientRegions here(memory_, "local", "127.0.0.1");
  ASSERT_TRUE(here.Register(region_).ok());
  ASSERT_TRUE(here.Status("").ok());
  EXPECT_EQ(here.Status("")->size(), 1U);
  ASSERT_TRUE(here.Find("r", 8, 16).ok());
  EXPECT_EQ(here.Find("r", 8, 16)->bytes, 16);
  EXPECT_TRUE(here.Unregister("r").ok());
  EXPECT_TRUE(here.Status("")->empty());
}

TEST_F(ClientRegionsTest, OthersCannotTellWhichThereAre) {
  ASSERT_TRUE(memory_.Register(region_).ok());
  const ClientRegions elsewhere(memory_, "local", "10.0.0.1");
  const std::vector<absl::Status> told = {
      elsewhere.Register(region_),
      elsewhere.Register({}),
      elsewhere.Unregister(""),
      elsewhere.Unregister("r"),
      elsewhere.Status("").status(),
      elsewhere.Status("r").status(),
      elsewhere.Status("nobody").status(),
      elsewhere.Find("r", 0, 64).status(),
      elsewhere.Find("r", 0, 65).status(),
      elsewhere.Find("nobody", 0, 64).status()};
  for (const absl::Status& status : told) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(status, told.front());
  }
  EXPECT_EQ(memory_.Status("")->size(), 1U);
}

}  // namespace
}  // namespace attention::oip
