// Proves that compressed messages become what they were, and all others stay
// what they are.
#include "server/request/compressed_message.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deflate_bytes.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kManyBytes = std::int64_t{64} << 20;

// A message that arrived in pieces of `piece` bytes.
grpc::ByteBuffer Arrived(const std::string& bytes, std::size_t piece) {
  std::vector<grpc::Slice> slices;
  for (std::size_t begin = 0; begin < bytes.size(); begin += piece) {
    slices.emplace_back(bytes.substr(begin, piece));
  }
  return {slices.data(), slices.size()};
}

std::string BytesOf(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  EXPECT_TRUE(message.Dump(&slices).ok());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Neither all the same nor as long as any buffer.
std::string Sample() {
  std::string sample;
  for (std::int64_t i = 0; i < 600'000; ++i) {
    sample += std::to_string(i * i % 977);
  }
  return sample;
}

TEST(CompressedMessageTest, BecomesWhatItWas) {
  const std::string sample = Sample();
  ASSERT_GT(sample.size(), 1U << 20);
  for (const int window : {kGzipWindow, kDeflateWindow}) {
    const std::string compressed = Compress(sample, window);
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{8192}, compressed.size()}) {
      grpc::ByteBuffer message = Arrived(compressed, piece);
      EXPECT_TRUE(Decompress(kManyBytes, message).ok());
      EXPECT_TRUE(BytesOf(message) == sample) << piece;
    }
  }
}

TEST(CompressedMessageTest, LeavesOthersAsTheyAre) {
  const std::string gzip = Compress("some words", kGzipWindow);
  const std::vector<std::string> others = {
      "x", "plain text", gzip.substr(0, gzip.size() - 1),
      "\x1F\x8Bonly looks like it",
      // An AttendRequest whose priority, field 15, comes first.
      std::string("\x78\x01\x0A\x01m", 5)};
  for (const std::string& other : others) {
    grpc::ByteBuffer message = Arrived(other, 3);
    EXPECT_TRUE(Decompress(kManyBytes, message).ok());
    EXPECT_EQ(BytesOf(message), other);
  }
  grpc::ByteBuffer empty = Arrived("", 1);
  EXPECT_TRUE(Decompress(kManyBytes, empty).ok());
  EXPECT_EQ(empty.Length(), 0U);
}

TEST(CompressedMessageTest, StopsABombAtTheLimit) {
  const std::string bomb = Compress(std::string(50 << 20, '\0'), kGzipWindow);
  ASSERT_LT(bomb.size(), 1U << 20);
  grpc::ByteBuffer just_right = Arrived(bomb, 8192);
  EXPECT_TRUE(Decompress(50 << 20, just_right).ok());
  EXPECT_EQ(just_right.Length(), 50U << 20);
  grpc::ByteBuffer message = Arrived(bomb, 8192);
  const absl::Status status = Decompress((50 << 20) - 1, message);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("more than 52428799 bytes when it is decompressed"));
}

}  // namespace
}  // namespace attention
