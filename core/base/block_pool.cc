#include "core/base/block_pool.h"

#include <sys/mman.h>

#include <utility>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/base/mutex.h"
#include "core/base/round_up.h"

namespace attention {

class BlockPool::Shelf {
 public:
  explicit Shelf(std::size_t max_bytes) : max_bytes_(max_bytes) {
    // Put() is called by destructors, where nothing may be thrown.
    blocks_.reserve(max_bytes / kHugePageBytes + 1);
  }

  // The smallest block of at least `bytes`; empty when there is none, or when
  // more than a quarter of it would be wasted.
  AlignedBuffer Find(std::size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    auto best = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      const std::size_t size = block->size_bytes();
      if (size < bytes || size - bytes > size / 4) continue;
      if (best == blocks_.end() || size < best->size_bytes()) best = block;
    }
    if (best == blocks_.end()) return {};
    AlignedBuffer found = std::move(*best);
    blocks_.erase(best);
    bytes_ -= found.size_bytes();
    return found;
  }

  void Put(AlignedBuffer block) ABSL_LOCKS_EXCLUDED(mutex_) {
    const std::size_t size = block.size_bytes();
    // Empty: there was no memory for it.
    if (size == 0 || size > max_bytes_) return;
    // A kernel that refuses leaves the pages where they are.
    madvise(block.bytes(), size, MADV_FREE);
    MutexLock lock(mutex_);
    auto kept = blocks_.begin();
    for (; bytes_ + size > max_bytes_; ++kept) bytes_ -= kept->size_bytes();
    blocks_.erase(blocks_.begin(), kept);
    blocks_.push_back(std::move(block));
    bytes_ += size;
  }

  std::size_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return bytes_;
  }

 private:
  const std::size_t max_bytes_;
  mutable Mutex mutex_;
  // The oldest first.
  std::vector<AlignedBuffer> blocks_ ABSL_GUARDED_BY(mutex_);
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct BlockPool::Block {
  explicit Block(std::shared_ptr<Shelf> from) : shelf(std::move(from)) {}
  ~Block() { shelf->Put(std::move(memory)); }

  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const std::shared_ptr<Shelf> shelf;
  AlignedBuffer memory;
};

BlockPool::BlockPool(std::size_t max_kept_bytes)
    : shelf_(std::make_shared<Shelf>(max_kept_bytes)) {}

std::shared_ptr<std::byte[]> BlockPool::Take(std::size_t bytes) {
  if (bytes < kHugePageBytes) {
    return std::make_shared_for_overwrite<std::byte[]>(bytes);
  }
  // Whole pages, so that the kernel has none to split.
  const std::size_t rounded = RoundUp(bytes, kHugePageBytes);
  auto block = std::make_shared<Block>(shelf_);
  block->memory = shelf_->Find(rounded);
  block->memory.Reserve(rounded);
  std::byte* const data = block->memory.bytes();
  return {std::move(block), data};
}

std::size_t BlockPool::kept_bytes() const { return shelf_->bytes(); }

}  // namespace attention
