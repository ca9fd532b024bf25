// Proves that a body is kept whole and aligned however it arrives, and that it
// reserves what has come, not what was announced.
#include "server/http/request_body.h"

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention::http {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<BodyMemory> Memory(std::int64_t limit_bytes) {
  auto memory = std::make_shared<BodyMemory>();
  memory->limit_bytes = limit_bytes;
  return memory;
}

std::vector<std::byte> Bytes(std::size_t size, std::byte value) {
  return std::vector<std::byte>(size, value);
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(RequestBodyTest, KeepsPartsOfAllSizesInOrderAndAligned) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::size_t> size(1, 100000);
  std::uniform_int_distribution<int> value(0, 255);
  const std::int64_t max = std::int64_t{64} << 20;
  RequestBody body(Memory(2 * max), max, std::nullopt);
  std::vector<std::byte> expected;
  for (int part = 0; part < 100; ++part) {
    const std::vector<std::byte> data =
        Bytes(size(random), static_cast<std::byte>(value(random)));
    ASSERT_TRUE(body.Append(data).ok());
    expected.insert(expected.end(), data.begin(), data.end());
  }
  ASSERT_EQ(body.size(), expected.size());
  EXPECT_EQ(std::vector<std::byte>(body.data(), body.data() + body.size()),
            expected);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(body.data()) % 64, 0U);
}

TEST(RequestBodyTest, ReservesNothingForAnAnnouncementAndLittleForABeginning) {
  const std::shared_ptr<BodyMemory> memory = Memory(std::int64_t{4} << 30);
  RequestBody body(memory, std::int64_t{2} << 30, std::int64_t{2} << 30);
  EXPECT_EQ(memory->used_bytes.load(), 0);
  ASSERT_TRUE(body.Append(Bytes(1, std::byte{1})).ok());
  EXPECT_EQ(memory->used_bytes.load(), 64 << 10);
  ASSERT_TRUE(body.Append(Bytes(64 << 10, std::byte{1})).ok());
  EXPECT_EQ(memory->used_bytes.load(), 128 << 10);
  ASSERT_TRUE(body.Append(Bytes(64 << 10, std::byte{1})).ok());
  EXPECT_EQ(memory->used_bytes.load(), 256 << 10);
}

TEST(RequestBodyTest, ReservesExactlyWhatWasAnnouncedInTheEnd) {
  const std::shared_ptr<BodyMemory> memory = Memory(1 << 20);
  {
    RequestBody body(memory, 1 << 20, 100001);
    ASSERT_TRUE(body.Append(Bytes(100001, std::byte{1})).ok());
    EXPECT_EQ(memory->used_bytes.load(), 100001);
    EXPECT_EQ(body.Append(Bytes(1, std::byte{1})).code(),
              absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(memory->used_bytes.load(), 0);
}

TEST(RequestBodyTest, TakesWhatIsAllowedAndNotOneByteMore) {
  RequestBody body(Memory(1 << 20), 1000, std::nullopt);
  ASSERT_TRUE(body.Append(Bytes(1000, std::byte{1})).ok());
  const absl::Status status = body.Append(Bytes(1, std::byte{1}));
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(Message(status), HasSubstr("larger than the 1000 bytes"));
}

TEST(RequestBodyTest, RefusesWhatAllBodiesTogetherMayNotHold) {
  const std::shared_ptr<BodyMemory> memory = Memory(100000);
  RequestBody first(memory, 60000, 60000);
  ASSERT_TRUE(first.Append(Bytes(60000, std::byte{1})).ok());
  RequestBody second(memory, 60000, 60000);
  const absl::Status status = second.Append(Bytes(60000, std::byte{1}));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(status), HasSubstr("may hold 100000 bytes"));
  EXPECT_EQ(memory->used_bytes.load(), 60000);
}

}  // namespace
}  // namespace attention::http
