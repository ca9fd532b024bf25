// Bytes in several pieces of memory, as protobuf reads them.
#ifndef SERVER_INFERENCE_PIECES_STREAM_H_
#define SERVER_INFERENCE_PIECES_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "google/protobuf/io/zero_copy_stream.h"

namespace attention::oip {

// In their order; any of them may be empty, together at most INT_MAX bytes.
using Pieces = std::vector<std::span<const std::byte>>;

// Reads pieces that outlive it.
class PiecesStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit PiecesStream(const Pieces& pieces) : pieces_(pieces) {}

  bool Next(const void** data, int* size) override;
  void BackUp(int count) override;
  bool Skip(int count) override;
  std::int64_t ByteCount() const override { return position_; }

 private:
  const Pieces& pieces_;
  std::size_t next_ = 0;
  // Bytes of the next piece that were read before.
  std::size_t skipped_ = 0;
  std::int64_t position_ = 0;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_PIECES_STREAM_H_
