// Proves that long tasks run on threads of their own, two at a time, and that
// none is lost.
#include "server/rest/json_threads.h"

#include <atomic>
#include <latch>
#include <thread>

#include "gtest/gtest.h"

namespace attention::oip {
namespace {

TEST(JsonThreadsTest, TwoRunAtATime) {
  // Each task waits for the other one, and the test for both.
  std::latch all(3);
  JsonThreads threads;
  for (int i = 0; i < 2; ++i) {
    threads.Run(kLongJsonBytes, [&all] { all.arrive_and_wait(); });
  }
  all.arrive_and_wait();
}

TEST(JsonThreadsTest, WhatIsShortIsDoneAtOnce) {
  JsonThreads threads;
  std::thread::id thread;
  threads.Run(kLongJsonBytes - 1,
              [&thread] { thread = std::this_thread::get_id(); });
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST(JsonThreadsTest, AllIsDoneBeforeTheEnd) {
  constexpr int kTasks = 1000;
  std::atomic<int> done = 0;
  {
    JsonThreads threads;
    for (int i = 0; i < kTasks; ++i)
      threads.Run(kLongJsonBytes, [&done] { ++done; });
  }
  EXPECT_EQ(done, kTasks);
}

}  // namespace
}  // namespace attention::oip
