#include "core/base/slab.h"

#include <algorithm>

#include "core/base/round_up.h"

namespace attention {

std::shared_ptr<std::byte> Slab::Take(std::size_t bytes) {
  constexpr std::size_t kCacheLine = 64;
  const std::size_t rounded = RoundUp(bytes, kCacheLine);
  if (block_ == nullptr || block_->size_bytes() - used_ < rounded) {
    auto block = std::make_shared<AlignedBuffer>();
    block->Reserve(std::max(block_bytes_, rounded));
    block_ = std::move(block);
    used_ = 0;
  }
  std::byte* piece = block_->bytes() + used_;
  used_ += rounded;
  return {block_, piece};
}

}  // namespace attention
