// Bytes -> InferMessage: what is small is parsed, tensors stay where they are.
#ifndef SERVER_INFERENCE_INFER_MESSAGE_H_
#define SERVER_INFERENCE_INFER_MESSAGE_H_

#include "absl/status/statusor.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/inference/infer.h"

namespace attention::oip {

// Reads a ModelInferRequest as its generated class does and clears `bytes`,
// whose memory the result keeps. InvalidArgument for what is no such message
// and for one over the limits of message_parts.h.
absl::StatusOr<InferMessage> ReadInferMessage(grpc::ByteBuffer* bytes);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_MESSAGE_H_
