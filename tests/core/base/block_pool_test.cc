// Blocks come back, fit what they are taken for, are kept within the limit, and
// outlive the pool.
#include "core/base/block_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace attention {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(BlockPoolTest, ABlockIsUsedAgainWhenItsLastOwnerHasGone) {
  BlockPool pool(64 * kMiB);
  auto block = pool.Take(10 * kMiB);
  const std::byte* const data = block.get();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % (2 * kMiB), 0U);
  auto owner = block;
  block.reset();
  EXPECT_EQ(pool.kept_bytes(), 0U);
  owner.reset();
  EXPECT_EQ(pool.kept_bytes(), 10 * kMiB);
  block = pool.Take(9 * kMiB);
  EXPECT_EQ(block.get(), data);
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST(BlockPoolTest, TheSmallestThatIsLargeEnoughIsTaken) {
  BlockPool pool(100 * kMiB);
  std::vector<std::shared_ptr<std::byte[]>> blocks;
  for (const std::size_t size : {24, 20, 22}) {
    blocks.push_back(pool.Take(size * kMiB));
  }
  const std::byte* const best = blocks[1].get();
  blocks.clear();
  EXPECT_EQ(pool.Take(19 * kMiB).get(), best);
}

TEST(BlockPoolTest, NoMoreThanAQuarterOfABlockIsWasted) {
  BlockPool pool(64 * kMiB);
  pool.Take(40 * kMiB).reset();
  const auto small = pool.Take(28 * kMiB);
  EXPECT_EQ(pool.kept_bytes(), 40 * kMiB);
  const auto fitting = pool.Take(30 * kMiB);
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST(BlockPoolTest, TheYoungestAreKeptWithinTheLimit) {
  BlockPool pool(32 * kMiB);
  auto first = pool.Take(16 * kMiB);
  auto second = pool.Take(14 * kMiB);
  auto third = pool.Take(12 * kMiB);
  first.reset();
  second.reset();
  EXPECT_EQ(pool.kept_bytes(), 30 * kMiB);
  third.reset();
  EXPECT_EQ(pool.kept_bytes(), 26 * kMiB);
  pool.Take(34 * kMiB).reset();
  EXPECT_EQ(pool.kept_bytes(), 26 * kMiB);
}

TEST(BlockPoolTest, SmallBlocksAreNotKept) {
  BlockPool pool(64 * kMiB);
  EXPECT_NE(pool.Take(0), nullptr);
  pool.Take(kMiB).reset();
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST(BlockPoolTest, BlocksOutliveThePool) {
  std::optional<BlockPool> pool(64 * kMiB);
  auto block = pool->Take(4 * kMiB);
  pool.reset();
  std::fill_n(block.get(), 4 * kMiB, std::byte{7});
  EXPECT_EQ(std::count(block.get(), block.get() + 4 * kMiB, std::byte{7}),
            static_cast<std::ptrdiff_t>(4 * kMiB));
}

TEST(BlockPoolTest, EachBlockHasOneOwnerAmongManyThreads) {
  BlockPool pool(64 * kMiB);
  std::vector<std::jthread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&pool, id] {
      for (int i = 0; i < 200; ++i) {
        const auto size = static_cast<std::size_t>(2 + (i + id) % 5) * kMiB;
        const auto block = pool.Take(size);
        const auto mark = static_cast<std::byte>(id);
        block[0] = mark;
        block[static_cast<std::ptrdiff_t>(size) - 1] = mark;
        std::this_thread::yield();
        EXPECT_EQ(block[0], mark);
        EXPECT_EQ(block[static_cast<std::ptrdiff_t>(size) - 1], mark);
      }
    });
  }
  threads.clear();
  EXPECT_LE(pool.kept_bytes(), 64 * kMiB);
}

}  // namespace
}  // namespace attention
