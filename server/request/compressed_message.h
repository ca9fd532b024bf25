// Messages that clients have compressed.
#ifndef SERVER_REQUEST_COMPRESSED_MESSAGE_H_
#define SERVER_REQUEST_COMPRESSED_MESSAGE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"

namespace attention {

// Makes of a message in gzip or deflate format what was compressed, and leaves
// all others. gRPC does not do that here: it would decompress whatever becomes
// of it, 300 MB of 300 KB, before it looks at its limit.
//
// gRPC does not tell either which messages are compressed, but they do: by
// their first bytes and by the checksum at their end.
//
// ResourceExhausted when it becomes more than `max_bytes`.
absl::Status Decompress(std::int64_t max_bytes, grpc::ByteBuffer& message);

}  // namespace attention

#endif  // SERVER_REQUEST_COMPRESSED_MESSAGE_H_
