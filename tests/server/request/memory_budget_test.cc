// Proves that no more than the limit can be reserved, by any number of threads,
// and that all of it comes back.
#include "server/request/memory_budget.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

TEST(MemoryBudgetTest, TheLimitIsGivenAndOneByteMoreIsNot) {
  MemoryBudget budget(100);
  const auto first = budget.Reserve(60);
  ASSERT_TRUE(first.ok());
  {
    const auto second = budget.Reserve(40);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(budget.used_bytes(), 100);
    const auto third = budget.Reserve(1);
    EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(third.status().message()),
                HasSubstr("hold 100 bytes and this one takes 1 more, the limit "
                          "is 100 (--max-inflight-bytes)"));
  }
  EXPECT_EQ(budget.used_bytes(), 60);
  EXPECT_TRUE(budget.Reserve(40).ok());
}

TEST(MemoryBudgetTest, AReservationGoesWithItsLastOwnerAndMayOutliveTheBudget) {
  std::optional<MemoryBudget> budget(100);
  auto reserved = budget->Reserve(100);
  ASSERT_TRUE(reserved.ok());
  auto copy = *reserved;
  reserved->reset();
  EXPECT_EQ(budget->used_bytes(), 100);
  budget.reset();
  copy.reset();
}

TEST(MemoryBudgetTest, ThreadsTogetherStayBelowTheLimit) {
  MemoryBudget budget(10);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      for (int i = 0; i < 10000; ++i) {
        const auto reserved = budget.Reserve(4);
        EXPECT_LE(budget.used_bytes(), 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used_bytes(), 0);
}

}  // namespace
}  // namespace attention
