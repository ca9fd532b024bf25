// Beginnings are those of a timetable made by hand.
#include "tests/support/virtual_servers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using ::testing::Optional;

VirtualServers::TimePoint At(int ms) {
  return VirtualServers::TimePoint(std::chrono::hours(1) + milliseconds(ms));
}

TEST(VirtualServersTest, BeginsAtOnceWhereAServerIsFree) {
  VirtualServers servers(2, 0);

  EXPECT_THAT(servers.Begin(At(0), milliseconds(10)), Optional(At(0)));
  EXPECT_THAT(servers.Begin(At(1), milliseconds(10)), Optional(At(1)));
  EXPECT_THAT(servers.Begin(At(10), milliseconds(10)), Optional(At(10)));
}

TEST(VirtualServersTest, QueuesForTheServerThatIsFreeFirst) {
  VirtualServers servers(2, 10);
  servers.Begin(At(0), milliseconds(30));
  servers.Begin(At(0), milliseconds(10));

  EXPECT_THAT(servers.Begin(At(1), milliseconds(5)), Optional(At(10)));
  EXPECT_THAT(servers.Begin(At(2), milliseconds(20)), Optional(At(15)));
  EXPECT_THAT(servers.Begin(At(3), milliseconds(1)), Optional(At(30)));
}

TEST(VirtualServersTest, RefusesWhatFindsTheQueueFullAndForgetsIt) {
  VirtualServers servers(1, 2);
  servers.Begin(At(0), milliseconds(10));
  EXPECT_THAT(servers.Begin(At(0), milliseconds(10)), Optional(At(10)));
  EXPECT_THAT(servers.Begin(At(0), milliseconds(10)), Optional(At(20)));

  EXPECT_EQ(servers.Begin(At(0), milliseconds(10)), std::nullopt);
  EXPECT_EQ(servers.Begin(At(9), milliseconds(10)), std::nullopt);

  // The first of the queue has begun.
  EXPECT_THAT(servers.Begin(At(10), milliseconds(10)), Optional(At(30)));
  EXPECT_EQ(servers.Begin(At(19), milliseconds(10)), std::nullopt);
}

TEST(VirtualServersTest, WithoutAQueueRefusesWhileBusy) {
  VirtualServers servers(1, 0);
  servers.Begin(At(0), milliseconds(10));

  EXPECT_EQ(servers.Begin(At(9), milliseconds(10)), std::nullopt);
  EXPECT_THAT(servers.Begin(At(10), milliseconds(10)), Optional(At(10)));
}

}  // namespace
}  // namespace attention
