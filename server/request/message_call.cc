#include "server/request/message_call.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "server/request/compressed_message.h"

namespace attention {
namespace {

// Names, keys and settings; what is computed is never among them.
constexpr std::int64_t kMaxDecompressedBytes = std::int64_t{1} << 20;

}  // namespace

absl::Status ParseMessage(grpc::ByteBuffer& bytes,
                          google::protobuf::Message& message) {
  grpc::ProtoBufferReader reader(&bytes);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("request: not an ", message.GetDescriptor()->full_name(),
                   ", its bytes do not parse"));
}

absl::Status ReadMessage(grpc::ByteBuffer bytes,
                         google::protobuf::Message& message) {
  ATTENTION_RETURN_IF_ERROR(Decompress(kMaxDecompressedBytes, bytes));
  return ParseMessage(bytes, message);
}

grpc::ByteBuffer WriteMessage(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

}  // namespace attention
