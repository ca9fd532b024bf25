// Proves whose shared memory is mapped, listed and used, whichever protocol
// they ask by, and that others cannot find out what there is.
#include "server/inference/client_regions.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

class ClientRegionsTest : public ::testing::Test {
 protected:
  SharedMemory memory_;
  const ShmObject object_{64};
  const RegionStatus region_ = {
      .name = "r", .key = object_.key(), .byte_size = 64};
};

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
    EXPECT_EQ(status,
              absl::PermissionDeniedError(
                  "shared memory: only for clients on the server's machine, "
                  "not from 10.0.0.1; --shared-memory any lets them"));
  }
  EXPECT_EQ(memory_.Status("")->size(), 1U);
}

}  // namespace
}  // namespace attention::oip
