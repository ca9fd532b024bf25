// Many pieces of memory on few huge pages.
#ifndef CORE_BASE_SLAB_H_
#define CORE_BASE_SLAB_H_

#include <cstddef>
#include <memory>

#include "core/base/aligned_buffer.h"

namespace attention {

// Cuts pieces from blocks of `block_bytes`, one block after another. A block
// lives as long as the slab or any piece of it. Not thread-safe; the pieces may
// go to other threads.
class Slab {
 public:
  explicit Slab(std::size_t block_bytes) : block_bytes_(block_bytes) {}

  // Uninitialised memory, aligned to a cache line. A piece larger than a block
  // gets a block of its own. Throws std::bad_alloc when there is no memory.
  std::shared_ptr<std::byte> Take(std::size_t bytes);

 private:
  const std::size_t block_bytes_;
  std::shared_ptr<AlignedBuffer> block_;
  std::size_t used_ = 0;
};

}  // namespace attention

#endif  // CORE_BASE_SLAB_H_
