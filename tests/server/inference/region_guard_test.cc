// Clients that take memory away while the server uses it: they harm nobody but
// themselves, and are told. With real objects of this machine.
#include "server/inference/region_guard.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inference/shared_memory.h"
#include "tests/server/inference/region_access.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

std::uint64_t PageBytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST(RegionGuardTest, AShrunkObjectReadsAsZerosAndIsToldOf) {
  const ShmObject object(4 * PageBytes());
  std::memset(object.data(), 'c', 4 * PageBytes());
  SharedMemory memory;
  ASSERT_TRUE(
      memory
          .Register(
              {.name = "r", .key = object.key(), .byte_size = 4 * PageBytes()})
          .ok());
  const SharedBytes bytes = FindAll(memory, "r", 4 * PageBytes());

  object.Resize(PageBytes());

  EXPECT_TRUE(SharedMemory::CheckIntact(bytes).ok()) << "nobody has noticed";
  EXPECT_EQ(Load(bytes, 0), 'c');
  EXPECT_EQ(Load(bytes, 2 * PageBytes() + 5), '\0');
  EXPECT_EQ(Load(bytes, PageBytes()), '\0');
  EXPECT_EQ(Load(bytes, 4 * PageBytes() - 1), '\0');
  EXPECT_EQ(Load(bytes, 0), 'c');
  Store(bytes, 3 * PageBytes(), 'w');
  EXPECT_EQ(Load(bytes, 3 * PageBytes()), 'w');
  for (const absl::Status& status :
       {SharedMemory::CheckIntact(bytes), memory.Find("r", 0, 1).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr(
            "shared memory region \"r\": the object behind it was shrunk"));
  }
}

TEST(RegionGuardTest, ARegionIsWholeAgainAfterItIsRegisteredAgain) {
  const ShmObject object(2 * PageBytes());
  SharedMemory memory;
  const RegionStatus region{
      .name = "r", .key = object.key(), .byte_size = 2 * PageBytes()};
  ASSERT_TRUE(memory.Register(region).ok());
  object.Resize(0);
  EXPECT_EQ(Load(FindAll(memory, "r", 2 * PageBytes()), 0), '\0');
  object.Resize(2 * PageBytes());
  object.data()[0] = 'n';

  EXPECT_FALSE(memory.Find("r", 0, 1).ok());
  memory.Unregister("r");
  ASSERT_TRUE(memory.Register(region).ok());

  const SharedBytes bytes = FindAll(memory, "r", 2 * PageBytes());
  EXPECT_EQ(Load(bytes, 0), 'n');
  EXPECT_TRUE(SharedMemory::CheckIntact(bytes).ok());
}

TEST(RegionGuardTest, LostMemoryTakesNoneOfTheServerAfterwards) {
  const ShmObject object(2 * PageBytes());
  SharedMemory memory;
  ASSERT_TRUE(
      memory
          .Register(
              {.name = "r", .key = object.key(), .byte_size = 2 * PageBytes()})
          .ok());
  const SharedBytes first = FindAll(memory, "r", 2 * PageBytes());
  SharedBytes second = FindAll(memory, "r", 2 * PageBytes());
  object.Resize(0);
  Store(first, 0, 'a');
  EXPECT_EQ(Load(first, 0), 'a');

  second = {};

  EXPECT_EQ(Load(first, 0), '\0') << "the page was given back";
}

TEST(RegionGuardTest, AShrunkObjectHarmsNoOtherRegion) {
  const ShmObject shrunk(2 * PageBytes());
  const ShmObject whole(2 * PageBytes());
  std::memset(whole.data(), 'k', 2 * PageBytes());
  SharedMemory memory;
  for (const auto& [name, object] :
       {std::pair{"shrunk", &shrunk}, std::pair{"whole", &whole}}) {
    ASSERT_TRUE(memory
                    .Register({.name = name,
                               .key = object->key(),
                               .byte_size = 2 * PageBytes()})
                    .ok());
  }
  const SharedBytes lost = FindAll(memory, "shrunk", 2 * PageBytes());
  const SharedBytes kept = FindAll(memory, "whole", 2 * PageBytes());

  shrunk.Resize(0);
  Store(lost, 0, 'x');

  EXPECT_FALSE(SharedMemory::CheckIntact(lost).ok());
  EXPECT_TRUE(SharedMemory::CheckIntact(kept).ok());
  for (std::uint64_t i = 0; i < 2 * PageBytes(); ++i) {
    ASSERT_EQ(Load(kept, i), 'k');
  }
}

// Reads and writes a region while its client shrinks and grows the object.
TEST(RegionGuardTest, AnObjectMayShrinkWhileItIsUsed) {
  const ShmObject object(8 * PageBytes());
  SharedMemory memory;
  const RegionStatus region{
      .name = "r", .key = object.key(), .byte_size = 8 * PageBytes()};
  std::atomic<bool> stop = false;
  std::thread client([&] {
    while (!stop) {
      object.Resize(PageBytes());
      object.Resize(8 * PageBytes());
    }
  });

  int broken = 0;
  for (int round = 0; round < 100000 && broken < 100; ++round) {
    // Fails when the object is small just now.
    if (!memory.Register(region).ok()) continue;
    const auto bytes = memory.Find("r", 0, 8 * PageBytes());
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    for (std::uint64_t page = 0; page < 8; ++page) {
      Store(*bytes, page * PageBytes(), 's');
      Load(*bytes, page * PageBytes() + 1);
    }
    if (!SharedMemory::CheckIntact(*bytes).ok()) ++broken;
    memory.Unregister("r");
  }

  stop = true;
  client.join();
  EXPECT_GT(broken, 0);
}

TEST(RegionGuardTest, ManyThreadsRegisterUseBreakAndUnregister) {
  SharedMemory memory;
  std::latch start(4);
  const auto work = [&](const std::string& name) {
    start.arrive_and_wait();
    for (int round = 0; round < 200; ++round) {
      const ShmObject object(2 * PageBytes());
      ASSERT_TRUE(memory
                      .Register({.name = name,
                                 .key = object.key(),
                                 .byte_size = 2 * PageBytes()})
                      .ok());
      const SharedBytes bytes = FindAll(memory, name, 2 * PageBytes());
      if (round % 2 == 0) object.Resize(PageBytes());
      Store(bytes, 0, 'a');
      Store(bytes, PageBytes(), 'b');
      EXPECT_EQ(Load(bytes, 0), 'a');
      EXPECT_EQ(Load(bytes, PageBytes()), 'b');
      EXPECT_EQ(SharedMemory::CheckIntact(bytes).ok(), round % 2 != 0);
      memory.Unregister(name);
    }
  };

  std::vector<std::thread> threads;
  for (const char* name : {"a", "b", "c", "d"}) {
    threads.emplace_back(work, name);
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_TRUE(memory.Status("")->empty());
}

// Touches memory that is gone and that no guard knows of.
void TouchLostMemory() {
  const ShmObject other(PageBytes());
  other.Unlink();
  other.Resize(0);
  *const_cast<volatile char*>(other.data()) = 'x';
}

void GuardSomething() {
  const ShmObject object(PageBytes());
  SharedMemory memory;
  EXPECT_TRUE(
      memory
          .Register(
              {.name = "r", .key = object.key(), .byte_size = PageBytes()})
          .ok());
  object.Unlink();
  TouchLostMemory();
}

TEST(RegionGuardDeathTest, AnErrorElsewhereStillEndsTheProcess) {
  EXPECT_DEATH(GuardSomething(), "");
}

TEST(RegionGuardDeathTest, AnErrorElsewhereStillReachesAnEarlierHandler) {
  // Runs in a process of its own, where nothing was guarded before.
  GTEST_FLAG_SET(death_test_style, "threadsafe");

  EXPECT_EXIT(
      {
        signal(SIGBUS, [](int) { _exit(42); });
        GuardSomething();
      },
      ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace attention::oip
