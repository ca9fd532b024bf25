// Shared memory as clients register it: what is refused and why, and that what
// is written on one side is read on the other. With real objects of this
// machine.
#include "server/inference/shared_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <latch>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inference/region_guard.h"
#include "tests/server/inference/region_access.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

std::uint64_t PageBytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void ExpectRefused(const absl::Status& status, absl::StatusCode code,
                   const std::string& text) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST(SharedMemoryTest, BothSidesSeeWhatTheOtherWrites) {
  const ShmObject object(3 * PageBytes());
  std::strcpy(object.data(), "from the client");
  SharedMemory memory;

  ASSERT_TRUE(
      memory
          .Register(
              {.name = "r", .key = object.key(), .byte_size = 3 * PageBytes()})
          .ok());
  const SharedBytes bytes = FindAll(memory, "r", 3 * PageBytes());

  EXPECT_EQ(bytes.bytes, static_cast<std::int64_t>(3 * PageBytes()));
  EXPECT_STREQ(reinterpret_cast<const char*>(bytes.data.get()),
               "from the client");
  Store(bytes, 2 * PageBytes(), 'x');
  EXPECT_EQ(object.data()[2 * PageBytes()], 'x');
  EXPECT_TRUE(SharedMemory::CheckIntact(bytes).ok());
}

TEST(SharedMemoryTest, AnOffsetNeedsNoPage) {
  const ShmObject object(3 * PageBytes());
  const std::uint64_t offset = PageBytes() + 12;
  object.data()[offset + 5] = 'y';
  SharedMemory memory;

  ASSERT_TRUE(memory
                  .Register({.name = "r",
                             .key = object.key(),
                             .offset = offset,
                             .byte_size = 2 * PageBytes() - 12})
                  .ok());
  const auto bytes = memory.Find("r", 5, 1);

  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->bytes, 1);
  EXPECT_EQ(Load(*bytes, 0), 'y');
}

TEST(SharedMemoryTest, AKeyNeedsNoSlash) {
  const ShmObject object(64);
  SharedMemory memory;

  EXPECT_TRUE(
      memory
          .Register(
              {.name = "r", .key = object.key().substr(1), .byte_size = 64})
          .ok());
}

TEST(SharedMemoryTest, StatusListsWhatIsRegistered) {
  const ShmObject object(64);
  SharedMemory memory;
  for (const char* name : {"b", "a"}) {
    ASSERT_TRUE(memory
                    .Register({.name = name,
                               .key = object.key(),
                               .offset = 8,
                               .byte_size = 56})
                    .ok());
  }

  const auto all = memory.Status("");
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].name, "a");
  EXPECT_EQ((*all)[1].name, "b");
  const auto one = memory.Status("b");
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ((*one)[0].key, object.key());
  EXPECT_EQ((*one)[0].offset, 8U);
  EXPECT_EQ((*one)[0].byte_size, 56U);
  ExpectRefused(memory.Status("c").status(), absl::StatusCode::kNotFound,
                "shared memory region \"c\" is not registered");
}

TEST(SharedMemoryTest, UnregisteringTakesOneOrAll) {
  const ShmObject object(64);
  SharedMemory memory;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(
        memory.Register({.name = name, .key = object.key(), .byte_size = 64})
            .ok());
  }

  memory.Unregister("b");
  memory.Unregister("never there");
  EXPECT_EQ(memory.Status("")->size(), 2U);
  ExpectRefused(memory.Find("b", 0, 1).status(), absl::StatusCode::kNotFound,
                "shared memory region \"b\" is not registered");
  memory.Unregister("");
  EXPECT_TRUE(memory.Status("")->empty());
}

TEST(SharedMemoryTest, ANameIsRegisteredOnce) {
  const ShmObject object(64);
  SharedMemory memory;
  const RegionStatus region{.name = "r", .key = object.key(), .byte_size = 64};
  ASSERT_TRUE(memory.Register(region).ok());

  ExpectRefused(memory.Register(region), absl::StatusCode::kAlreadyExists,
                "shared memory region \"r\" is registered already");
  memory.Unregister("r");
  EXPECT_TRUE(memory.Register(region).ok());
}

TEST(SharedMemoryTest, WhatIsNoNameIsRefused) {
  const ShmObject object(64);
  SharedMemory memory;

  for (const std::size_t size : {std::size_t{0}, kMaxRegionNameBytes + 1}) {
    ExpectRefused(memory.Register({.name = std::string(size, 'n'),
                                   .key = object.key(),
                                   .byte_size = 64}),
                  absl::StatusCode::kInvalidArgument, "1 to 255 are allowed");
  }
  EXPECT_TRUE(memory
                  .Register({.name = std::string(kMaxRegionNameBytes, 'n'),
                             .key = object.key(),
                             .byte_size = 64})
                  .ok());
}

TEST(SharedMemoryTest, WhatIsNoKeyIsRefused) {
  SharedMemory memory;

  for (const std::string& key :
       {std::string(), std::string("/"), std::string("//a"),
        std::string("/a/b"), std::string("a/"), std::string(".."),
        std::string("/.."), std::string("/."), std::string("/../etc/passwd"),
        std::string("/a\0b", 4), "/" + std::string(256, 'k')}) {
    ExpectRefused(memory.Register({.name = "r", .key = key, .byte_size = 1}),
                  absl::StatusCode::kInvalidArgument,
                  "shared memory region \"r\": its key must be a slash");
  }
  ExpectRefused(
      memory.Register(
          {.name = "r", .key = "/" + std::string(255, 'k'), .byte_size = 1}),
      absl::StatusCode::kInvalidArgument, "No such file");
}

TEST(SharedMemoryTest, WhatTheObjectHasNotIsRefused) {
  const ShmObject object(100);
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  SharedMemory memory;
  const auto try_register = [&](std::uint64_t offset, std::uint64_t size) {
    memory.Unregister("r");
    return memory.Register({.name = "r",
                            .key = object.key(),
                            .offset = offset,
                            .byte_size = size});
  };

  EXPECT_TRUE(try_register(0, 100).ok());
  EXPECT_TRUE(try_register(99, 1).ok());
  ExpectRefused(try_register(0, 0), absl::StatusCode::kInvalidArgument,
                "byte_size is 0");
  ExpectRefused(try_register(0, 101), absl::StatusCode::kInvalidArgument,
                "offset 0 and byte_size 101 end beyond the object");
  ExpectRefused(try_register(100, 1), absl::StatusCode::kInvalidArgument,
                "which has 100 bytes");
  for (const auto& [offset, size] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {kMax, 1}, {1, kMax}, {kMax, kMax}, {kMax / 2, kMax / 2 + 2}}) {
    ExpectRefused(try_register(offset, size),
                  absl::StatusCode::kInvalidArgument,
                  "are more than an object can have");
  }
}

TEST(SharedMemoryTest, APartBeyondTheRegionIsRefused) {
  const ShmObject object(100);
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  SharedMemory memory;
  ASSERT_TRUE(
      memory.Register({.name = "r", .key = object.key(), .byte_size = 90})
          .ok());

  EXPECT_TRUE(memory.Find("r", 90, 0).ok());
  EXPECT_TRUE(memory.Find("r", 80, 10).ok());
  for (const auto& [offset, size] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 91}, {90, 1}, {91, 0}, {kMax, 1}, {1, kMax}, {kMax, kMax}}) {
    ExpectRefused(memory.Find("r", offset, size).status(),
                  absl::StatusCode::kInvalidArgument,
                  "end beyond its 90 bytes");
  }
}

TEST(SharedMemoryTest, APipeIsNoObject) {
  SharedMemory memory;
  const std::string path = absl::StrCat("/dev/shm/attention-test-", getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);

  const absl::Status status =
      memory.Register({.name = "r",
                       .key = path.substr(std::strlen("/dev/shm")),
                       .byte_size = 1});

  ASSERT_EQ(unlink(path.c_str()), 0);
  ExpectRefused(status, absl::StatusCode::kInvalidArgument,
                "is no shared memory object");
}

TEST(SharedMemoryTest, ThereMayBe1024Regions) {
  const ShmObject object(64);
  SharedMemory memory;
  const auto region = [&](std::size_t i) {
    return RegionStatus{
        .name = absl::StrCat("r", i), .key = object.key(), .byte_size = 64};
  };
  for (std::size_t i = 0; i < kMaxRegions; ++i) {
    ASSERT_TRUE(memory.Register(region(i)).ok()) << i;
  }

  ExpectRefused(memory.Register(region(kMaxRegions)),
                absl::StatusCode::kResourceExhausted,
                "there are 1024, as many as there may be");
  memory.Unregister("r7");
  EXPECT_TRUE(memory.Register(region(kMaxRegions)).ok());
}

TEST(SharedMemoryTest, WhatIsInUseCountsUntilItIsReleased) {
  const ShmObject object(64);
  SharedMemory memory;
  std::vector<SharedBytes> used;
  for (int i = 0; i < kMaxGuardedRegions; ++i) {
    ASSERT_TRUE(
        memory.Register({.name = "r", .key = object.key(), .byte_size = 64})
            .ok());
    used.push_back(FindAll(memory, "r", 64));
    memory.Unregister("r");
  }
  const RegionStatus more{.name = "r", .key = object.key(), .byte_size = 64};

  ExpectRefused(memory.Register(more), absl::StatusCode::kResourceExhausted,
                "2048 shared memory regions in use");
  used.pop_back();
  EXPECT_TRUE(memory.Register(more).ok());
}

TEST(SharedMemoryTest, WhatIsInUseStaysMapped) {
  SharedMemory memory;
  SharedBytes bytes;
  {
    const ShmObject object(64);
    object.data()[63] = 'z';
    ASSERT_TRUE(
        memory.Register({.name = "r", .key = object.key(), .byte_size = 64})
            .ok());
    bytes = FindAll(memory, "r", 64);
    memory.Unregister("r");
  }

  EXPECT_EQ(Load(bytes, 63), 'z');
  Store(bytes, 0, 'a');
  EXPECT_EQ(Load(bytes, 0), 'a');
}

// Runs `work` on some threads at once.
void RunTogether(int threads, const std::function<void(int)>& work) {
  std::latch start(threads);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&start, &work, i] {
      start.arrive_and_wait();
      work(i);
    });
  }
  for (std::thread& thread : running) thread.join();
}

TEST(SharedMemoryTest, OneOfManyRegistersAName) {
  const ShmObject object(64);
  SharedMemory memory;
  std::atomic<int> registered = 0;

  RunTogether(8, [&](int) {
    const absl::Status status =
        memory.Register({.name = "r", .key = object.key(), .byte_size = 64});
    if (status.ok()) ++registered;
    EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
  });

  EXPECT_EQ(registered, 1);
}

}  // namespace
}  // namespace attention::oip
