// Protobuf messages in gRPC's buffers, field by field or as a whole.
#include "client/load/protobuf_fields.h"

#include <grpcpp/support/proto_buffer_reader.h>

namespace attention::load {

std::optional<Field> NextField(FieldInput& input, bool& broken) {
  const std::uint32_t tag = input.ReadTag();
  if (tag == 0) {
    broken |= !input.ConsumedEntireMessage();
    return std::nullopt;
  }
  Field field{.number = static_cast<int>(tag >> 3),
              .type = static_cast<WireType>(tag & 7)};
  bool read = false;
  switch (field.type) {
    case WireType::kVarint:
      read = input.ReadVarint64(&field.value);
      break;
    case WireType::kBytes:
      read = input.ReadVarintSizeAsInt(&field.bytes);
      break;
    case WireType::kFixed64:
      read = input.Skip(sizeof(std::uint64_t));
      break;
    case WireType::kFixed32:
      read = input.Skip(sizeof(std::uint32_t));
      break;
  }
  broken |= !read;
  return read ? std::optional(field) : std::nullopt;
}

bool ParseBytes(const grpc::ByteBuffer& bytes,
                google::protobuf::Message& message) {
  // Shares the slices.
  grpc::ByteBuffer copy = bytes;
  grpc::ProtoBufferReader reader(&copy);
  return message.ParseFromZeroCopyStream(&reader);
}

}  // namespace attention::load
