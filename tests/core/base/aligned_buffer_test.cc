// Proves that a buffer is aligned, keeps its memory while it is large enough,
// and moves without a copy.
#include "core/base/aligned_buffer.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "gtest/gtest.h"

namespace attention {
namespace {

bool IsAligned(const void* data, std::uintptr_t alignment) {
  return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

TEST(AlignedBufferTest, StartsEmpty) {
  AlignedBuffer buffer;
  EXPECT_EQ(buffer.bytes(), nullptr);
  EXPECT_EQ(buffer.size_bytes(), 0u);
}

TEST(AlignedBufferTest, IsAlignedAndAllOfItCanBeWritten) {
  for (const std::size_t bytes : {1u, 63u, 64u, 65u, 4097u, 5u << 20}) {
    AlignedBuffer buffer;
    buffer.Reserve(bytes);
    ASSERT_GE(buffer.size_bytes(), bytes);
    EXPECT_TRUE(IsAligned(buffer.bytes(), 64)) << bytes;
    std::memset(buffer.bytes(), 1, buffer.size_bytes());
  }
}

TEST(AlignedBufferTest, ReservingLessKeepsTheMemory) {
  AlignedBuffer buffer;
  buffer.Reserve(1000);
  const std::byte* data = buffer.bytes();
  buffer.floats()[0] = 7;

  buffer.Reserve(10);

  EXPECT_EQ(buffer.bytes(), data);
  EXPECT_EQ(buffer.floats()[0], 7);
}

TEST(AlignedBufferTest, MovesWithoutACopy) {
  AlignedBuffer from;
  from.Reserve(100);
  const std::byte* data = from.bytes();

  AlignedBuffer to(std::move(from));
  EXPECT_EQ(to.bytes(), data);

  AlignedBuffer assigned;
  assigned = std::move(to);
  EXPECT_EQ(assigned.bytes(), data);
}

TEST(AlignedBufferTest, FreeGivesTheMemoryBack) {
  AlignedBuffer buffer;
  buffer.Reserve(100);
  buffer.Free();
  EXPECT_EQ(buffer.bytes(), nullptr);
  EXPECT_EQ(buffer.size_bytes(), 0u);
}

}  // namespace
}  // namespace attention
