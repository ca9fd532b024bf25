// AttendResponse -> slices that gRPC sends as they are.
#ifndef SERVER_TYPED_RESPONSE_BUFFER_H_
#define SERVER_TYPED_RESPONSE_BUFFER_H_

#include <string>

#include "core/engine/request.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/request/convert_outputs.h"

namespace attention {

// What the message is on the wire.
enum class ResponseFraming {
  kUnary,   // an AttendResponse
  kStream,  // an AttendStreamResponse holding one
};

// Takes the memory of `outputs`, which goes when gRPC has sent it.
grpc::ByteBuffer MakeResponseBuffer(const std::string& id,
                                    const AttentionTiming& timing,
                                    Outputs outputs, ResponseFraming framing);

// An AttendStreamResponse holding an AttendError.
grpc::ByteBuffer MakeStreamErrorBuffer(const std::string& id,
                                       const absl::Status& status);

}  // namespace attention

#endif  // SERVER_TYPED_RESPONSE_BUFFER_H_
