// Pieces are aligned, lie apart, share blocks, and outlive the slab.
#include "core/base/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace attention {
namespace {

TEST(SlabTest, PiecesAreAlignedAndFollowOneAnother) {
  Slab slab(1000);
  const auto first = slab.Take(1);
  const auto second = slab.Take(65);
  const auto third = slab.Take(64);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.get()) % 64, 0U);
  EXPECT_EQ(second.get() - first.get(), 64);
  EXPECT_EQ(third.get() - second.get(), 128);
}

TEST(SlabTest, PiecesOutliveTheSlab) {
  std::vector<std::shared_ptr<std::byte>> pieces;
  {
    Slab slab(256);
    for (int i = 0; i < 10; ++i) {
      pieces.push_back(slab.Take(100));
      std::fill_n(pieces.back().get(), 100, static_cast<std::byte>(i));
    }
  }
  for (int i = 0; i < 10; ++i) {
    const std::byte* piece = pieces[static_cast<std::size_t>(i)].get();
    EXPECT_EQ(std::count(piece, piece + 100, static_cast<std::byte>(i)), 100);
  }
}

TEST(SlabTest, APieceMayBeLargerThanABlock) {
  Slab slab(64);
  const auto piece = slab.Take(5000);
  std::fill_n(piece.get(), 5000, std::byte{1});
  EXPECT_NE(slab.Take(0).get(), nullptr);
}

}  // namespace
}  // namespace attention
