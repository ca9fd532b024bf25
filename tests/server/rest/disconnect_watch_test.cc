// Proves that a flag follows its client, and that nobody is asked who has left
// or whose request has ended.
#include "server/rest/disconnect_watch.h"

#include <latch>

#include "gtest/gtest.h"

namespace attention::oip {
namespace {

TEST(DisconnectWatchTest, AFlagFollowsItsClient) {
  DisconnectWatch watch;
  std::atomic<bool> left = false;
  std::latch asked(1);
  std::atomic<int> asks = 0;
  const auto gone = watch.Watch([&] {
    if (asks++ == 0) asked.count_down();
    return left.load();
  });
  const auto there = watch.Watch([] { return false; });

  asked.wait();
  EXPECT_FALSE(gone->load());
  left = true;
  while (!gone->load()) std::this_thread::yield();

  EXPECT_FALSE(there->load());
}

TEST(DisconnectWatchTest, NobodyIsAskedTwiceAfterLeaving) {
  DisconnectWatch watch;
  std::atomic<int> asks = 0;
  const auto gone = watch.Watch([&] {
    ++asks;
    return true;
  });
  while (!gone->load()) std::this_thread::yield();

  // Another one is asked twice meanwhile.
  std::latch asked_twice(2);
  std::atomic<int> other_asks = 0;
  const auto there = watch.Watch([&] {
    if (other_asks++ < 2) asked_twice.count_down();
    return false;
  });
  asked_twice.wait();

  EXPECT_EQ(asks, 1);
}

TEST(DisconnectWatchTest, WhatHasEndedIsForgotten) {
  DisconnectWatch watch;
  auto connection = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = connection;

  watch.Watch([connection = std::move(connection)] { return false; });

  while (!alive.expired()) std::this_thread::yield();
}

TEST(DisconnectWatchTest, ItEndsWhileSomebodyIsWatched) {
  std::shared_ptr<const std::atomic<bool>> flag;
  {
    DisconnectWatch watch;
    flag = watch.Watch([] { return false; });
  }
  EXPECT_FALSE(flag->load());
}

}  // namespace
}  // namespace attention::oip
