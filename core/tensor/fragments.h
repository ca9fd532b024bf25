// Bytes that lie in several pieces of memory, read as if they were one.
#ifndef CORE_TENSOR_FRAGMENTS_H_
#define CORE_TENSOR_FRAGMENTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace attention {

// A message arrives in the pieces that the network cut it into; a tensor in it
// may begin in one and end in another. Owns nothing; immutable; thread-safe.
class Fragments {
 public:
  // Empty pieces are dropped.
  explicit Fragments(const std::vector<std::span<const std::byte>>& pieces);

  std::int64_t size() const;

  // Where bytes [first, first + count) are, when they lie in one piece; null
  // otherwise. REQUIRES: 0 <= first, 0 < count, first + count <= size().
  const std::byte* Contiguous(std::int64_t first, std::int64_t count) const;

  // Copies bytes [first, first + count). The same requirements; count may be 0.
  void Copy(std::int64_t first, std::int64_t count, std::byte* to) const;

 private:
  struct Piece {
    std::int64_t begin = 0;  // its first byte, counted over all pieces
    std::span<const std::byte> bytes{};
  };

  std::size_t PieceOf(std::int64_t byte) const;

  std::vector<Piece> pieces_;
  std::int64_t size_ = 0;
};

}  // namespace attention

#endif  // CORE_TENSOR_FRAGMENTS_H_
