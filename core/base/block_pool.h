// Large blocks of memory that are used again instead of mapped anew.
#ifndef CORE_BASE_BLOCK_POOL_H_
#define CORE_BASE_BLOCK_POOL_H_

#include <cstddef>
#include <memory>

namespace attention {

// malloc maps every block above 32 MiB anew, and the kernel zeroes its pages:
// for 200 MB that takes about as long as sending them by gRPC.
//
// Blocks on the shelf are marked as free for the kernel, which takes their
// pages when memory gets short. Thread-safe.
class BlockPool {
 public:
  // Keeps at most `max_kept_bytes` of unused blocks, the youngest ones.
  explicit BlockPool(std::size_t max_kept_bytes);

  // Uninitialised memory, which its last owner gives back, whether the pool is
  // still there or not. Huge pages from 2 MiB on; less comes from malloc.
  // Throws std::bad_alloc when there is no memory.
  std::shared_ptr<std::byte[]> Take(std::size_t bytes);

  // Of unused blocks.
  std::size_t kept_bytes() const;

 private:
  class Shelf;
  struct Block;

  const std::shared_ptr<Shelf> shelf_;
};

}  // namespace attention

#endif  // CORE_BASE_BLOCK_POOL_H_
