// The memory that the body of one request is read into.
#ifndef SERVER_HTTP_REQUEST_BODY_H_
#define SERVER_HTTP_REQUEST_BODY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"

namespace attention::http {

// What all bodies of one listener hold together. Thread-safe.
struct BodyMemory {
  std::int64_t limit_bytes = 0;
  std::atomic<std::int64_t> used_bytes = 0;
};

// Contiguous, aligned to 64 bytes. Grows as data arrives, so that announcing
// much costs nothing and no more than twice of what has arrived is held. Not
// thread-safe.
class RequestBody {
 public:
  // `announced`: the size of the body where it is known, not more than
  // `max_bytes`.
  RequestBody(std::shared_ptr<BodyMemory> memory, std::int64_t max_bytes,
              std::optional<std::int64_t> announced);
  ~RequestBody();

  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  // OutOfRange when the body gets larger than allowed, ResourceExhausted when
  // all bodies together do.
  absl::Status Append(std::span<const std::byte> data);

  // For who writes the bytes himself: some room, at least one byte, then how
  // much of it was used. Errors as above; Commit says OutOfRange.
  absl::StatusOr<std::span<std::byte>> Room();
  absl::Status Commit(std::size_t bytes);

  // Null while nothing has come.
  const std::byte* data() { return buffer_.bytes(); }
  std::size_t size() const { return size_; }

 private:
  absl::Status Grow();

  const std::shared_ptr<BodyMemory> memory_;
  const std::size_t max_bytes_;
  // The largest that the buffer gets: where the size is not known, a byte more
  // than allowed, in which a body that is too large shows.
  const std::size_t end_bytes_;
  AlignedBuffer buffer_;
  // Of the buffer, and counted in `memory_`.
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

}  // namespace attention::http

#endif  // SERVER_HTTP_REQUEST_BODY_H_
