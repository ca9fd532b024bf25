// Uninitialised memory for tensors and scratch, aligned for SIMD.
#ifndef CORE_BASE_ALIGNED_BUFFER_H_
#define CORE_BASE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace attention {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// Owns one block of memory, aligned to a cache line, or to a huge page when it
// is large enough to hold one. Movable, not copyable; not thread-safe.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  ~AlignedBuffer() { Free(); }

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  // Makes room for at least `bytes`; what the buffer held is lost when it has
  // to grow. Throws std::bad_alloc when there is no memory.
  void Reserve(std::size_t bytes);

  // Gives the memory back.
  void Free();

  float* floats() { return static_cast<float*>(data_); }
  const float* floats() const { return static_cast<const float*>(data_); }
  std::byte* bytes() { return static_cast<std::byte*>(data_); }
  std::size_t size_bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace attention

#endif  // CORE_BASE_ALIGNED_BUFFER_H_
