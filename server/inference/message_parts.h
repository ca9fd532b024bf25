// Where in the bytes of a ModelInferRequest its tensors are, and the rest.
#ifndef SERVER_INFERENCE_MESSAGE_PARTS_H_
#define SERVER_INFERENCE_MESSAGE_PARTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/inference/pieces_stream.h"

namespace attention::oip {

// Bytes of a request outside of raw_input_contents, fp32_contents and
// bool_contents: names, shapes, parameters, lengths. In memory they may take
// 25 times what they take on the wire.
inline constexpr std::int64_t kMaxHeaderBytes = std::int64_t{1} << 20;

// Inputs, outputs and entries of raw_input_contents, of each; no request needs
// more than six.
inline constexpr int kMaxTensors = 64;

// Bytes [begin, end) of a message.
struct ByteRange {
  int begin = 0;
  int end = 0;
};

// In their order.
struct MessageParts {
  // All but raw_input_contents, in as few ranges as it takes.
  std::vector<ByteRange> header{};
  // Each entry of raw_input_contents.
  std::vector<ByteRange> raw{};
};

// InvalidArgument for what is no message and for more than the above. A header
// that is found may still be none, which its generated class sees.
absl::StatusOr<MessageParts> FindParts(const Pieces& message);

absl::Status BrokenMessage();

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_MESSAGE_PARTS_H_
