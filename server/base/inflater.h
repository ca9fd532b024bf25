// What zlib has compressed, a piece at a time.
#ifndef SERVER_BASE_INFLATER_H_
#define SERVER_BASE_INFLATER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

namespace attention {

// Not thread-safe.
class Inflater {
 public:
  // What HTTP and gRPC call "gzip" and "deflate".
  enum class Format : std::uint8_t { kGzip, kDeflate };

  // ResourceExhausted when there is no memory for it.
  static absl::StatusOr<std::unique_ptr<Inflater>> Create(Format format);

  ~Inflater();

  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Writes what `data` stands for into `room`, drops what it has read from
  // `data`, and returns how much of the room it filled: if all, there may be
  // more to come of the same data. InvalidArgument when it is not in the
  // format.
  absl::StatusOr<std::size_t> Inflate(std::span<const std::byte>& data,
                                      std::span<std::byte> room);

  // Whether what was read until now is whole.
  bool at_end() const;

 private:
  struct Stream;

  explicit Inflater(std::unique_ptr<Stream> stream);

  const std::unique_ptr<Stream> stream_;
};

}  // namespace attention

#endif  // SERVER_BASE_INFLATER_H_
