#include "core/base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

#include "core/base/round_up.h"

namespace attention {
namespace {

constexpr std::size_t kCacheLine = 64;

}  // namespace

void AlignedBuffer::Reserve(std::size_t bytes) {
  if (bytes <= bytes_) return;
  Free();
  const std::size_t alignment =
      bytes >= kHugePageBytes ? kHugePageBytes : kCacheLine;
  const std::size_t rounded = RoundUp(bytes, kCacheLine);
  if (posix_memalign(&data_, alignment, rounded) != 0) {
    data_ = nullptr;
    throw std::bad_alloc();
  }
  bytes_ = rounded;
  // Fewer TLB misses and page faults. Only advice: a kernel without huge pages
  // refuses it and all still works.
  if (alignment == kHugePageBytes) madvise(data_, rounded, MADV_HUGEPAGE);
}

void AlignedBuffer::Free() {
  std::free(data_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace attention
