// Prepared messages as gRPC sends them, without copying their tensors.
#ifndef CLIENT_LOAD_MESSAGE_SLICES_H_
#define CLIENT_LOAD_MESSAGE_SLICES_H_

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

#include "client/cpp/attend_message.h"

namespace attention::load {

// The pieces one after another. They may be sent any number of times, from any
// thread, while their owners live.
grpc::ByteBuffer ToByteBuffer(const std::vector<MessagePiece>& pieces);

// The same, with `id` in place of the message's own.
grpc::ByteBuffer ToByteBuffer(const std::vector<MessagePiece>& pieces,
                              const std::string& id);

}  // namespace attention::load

#endif  // CLIENT_LOAD_MESSAGE_SLICES_H_
