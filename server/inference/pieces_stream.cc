#include "server/inference/pieces_stream.h"

#include <algorithm>

namespace attention::oip {

bool PiecesStream::Next(const void** data, int* size) {
  do {
    if (next_ == pieces_.size()) return false;
    const std::span<const std::byte> piece = pieces_[next_].subspan(skipped_);
    *data = piece.data();
    *size = static_cast<int>(piece.size());
    ++next_;
    skipped_ = 0;
  } while (*size == 0);
  position_ += *size;
  return true;
}

void PiecesStream::BackUp(int count) {
  --next_;
  skipped_ = pieces_[next_].size() - static_cast<std::size_t>(count);
  position_ -= count;
}

bool PiecesStream::Skip(int count) {
  const void* data = nullptr;
  int size = 0;
  while (count > 0) {
    if (!Next(&data, &size)) return false;
    if (size > count) BackUp(size - count);
    count -= std::min(count, size);
  }
  return true;
}

}  // namespace attention::oip
