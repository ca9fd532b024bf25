// Bytes cut into pieces, each in memory of its own.
#include "tests/support/cut_bytes.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attention {
namespace {

constexpr std::byte kPoison{0xff};
constexpr std::int64_t kAlignment = 16;  // of memory from the heap

// Uniform in [low, high].
std::int64_t Draw(std::int64_t low, std::int64_t high,
                  std::mt19937_64& random) {
  return low + static_cast<std::int64_t>(
                   random() % static_cast<std::uint64_t>(high - low + 1));
}

// Many are enough: each is an allocation.
std::int64_t DrawLongest(std::int64_t bytes, std::mt19937_64& random) {
  constexpr std::int64_t kManyPieces = 500;
  const std::int64_t least = bytes / kManyPieces + 1;
  const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
  const double times =
      std::pow(static_cast<double>(bytes) / static_cast<double>(least), unit);
  return static_cast<std::int64_t>(static_cast<double>(least) * times);
}

Fragments PiecesOf(std::span<const std::byte> bytes,
                   const std::vector<Cut>& cuts,
                   std::vector<std::vector<std::byte>>& memory) {
  std::vector<std::span<const std::byte>> pieces;
  const std::byte* from = bytes.data();
  for (const Cut& cut : cuts) {
    const auto length = static_cast<std::size_t>(cut.bytes);
    std::vector<std::byte> block(cut.before + length + cut.after, kPoison);
    std::copy_n(from, length, block.data() + cut.before);
    pieces.emplace_back(block.data() + cut.before, length);
    memory.push_back(std::move(block));
    from += length;
  }
  return Fragments(pieces);
}

}  // namespace

std::vector<Cut> DrawCuts(std::int64_t bytes, std::mt19937_64& random) {
  const std::int64_t longest = DrawLongest(bytes, random);
  const bool stays_aligned = Draw(0, 1, random) == 0;
  std::vector<Cut> cuts;
  for (std::int64_t at = 0; at < bytes;) {
    const std::int64_t length = std::min(Draw(0, longest, random), bytes - at);
    cuts.push_back(
        {.bytes = length,
         .before = static_cast<std::size_t>(
             stays_aligned ? at % kAlignment : Draw(0, kAlignment, random)),
         .after = static_cast<std::size_t>(
             Draw(0, 1, random) == 0 ? 0 : Draw(1, 64, random))});
    at += length;
  }
  return cuts;
}

CutBytes::CutBytes(std::span<const std::byte> bytes,
                   const std::vector<Cut>& cuts)
    : fragments_(PiecesOf(bytes, cuts, memory_)) {}

}  // namespace attention
