#include "core/tensor/fragments.h"

#include <algorithm>
#include <iterator>

namespace attention {

Fragments::Fragments(const std::vector<std::span<const std::byte>>& pieces) {
  pieces_.reserve(pieces.size());
  for (const std::span<const std::byte> bytes : pieces) {
    if (bytes.empty()) continue;
    pieces_.push_back({.begin = size_, .bytes = bytes});
    size_ += std::ssize(bytes);
  }
}

std::int64_t Fragments::size() const { return size_; }

const std::byte* Fragments::Contiguous(std::int64_t first,
                                       std::int64_t count) const {
  const Piece& piece = pieces_[PieceOf(first)];
  const std::int64_t skipped = first - piece.begin;
  if (count > std::ssize(piece.bytes) - skipped) return nullptr;
  return piece.bytes.data() + skipped;
}

void Fragments::Copy(std::int64_t first, std::int64_t count,
                     std::byte* to) const {
  if (count == 0) return;
  for (std::size_t p = PieceOf(first); count > 0; ++p) {
    const Piece& piece = pieces_[p];
    const std::int64_t skipped = first - piece.begin;
    const std::int64_t copied =
        std::min(count, std::ssize(piece.bytes) - skipped);
    to = std::copy_n(piece.bytes.data() + skipped, copied, to);
    first += copied;
    count -= copied;
  }
}

// The last piece that begins at or before `byte`.
std::size_t Fragments::PieceOf(std::int64_t byte) const {
  const auto after = std::upper_bound(
      pieces_.begin(), pieces_.end(), byte,
      [](std::int64_t b, const Piece& piece) { return b < piece.begin; });
  return static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

}  // namespace attention
