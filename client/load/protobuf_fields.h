// Protobuf messages in gRPC's buffers, field by field or as a whole.
#ifndef CLIENT_LOAD_PROTOBUF_FIELDS_H_
#define CLIENT_LOAD_PROTOBUF_FIELDS_H_

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace attention::load {

// Of the wire format, as developers.google.com/protocol-buffers describes it.
enum class WireType : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kFixed32 = 5,
};

// A field whose tag was read, and its value if that is a number.
struct Field {
  int number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;
  int bytes = 0;  // that follow, of strings and messages
};

using FieldInput = google::protobuf::io::CodedInputStream;

// The next field of the message that `input` is limited to; nothing at its end.
// Sets `broken` when there is none but should be.
std::optional<Field> NextField(FieldInput& input, bool& broken);

// Calls read(field) for each field of a message; it returns whether it has
// consumed the bytes of a string or message, which are skipped otherwise. False
// for what is no message.
template <typename Read>
bool ReadFields(FieldInput& input, const Read& read) {
  bool broken = false;
  while (const auto field = NextField(input, broken)) {
    if (!read(*field) && field->bytes > 0 && !input.Skip(field->bytes)) {
      return false;
    }
  }
  return !broken;
}

// Runs read() over the message that is the value of `field`. False when it ends
// before or after the message does.
template <typename Read>
bool ReadMessage(FieldInput& input, const Field& field, const Read& read) {
  const auto outer = input.PushLimit(field.bytes);
  const bool good = read() && input.BytesUntilLimit() == 0;
  input.PopLimit(outer);
  return good;
}

// False unless the bytes, which stay as they are, are such a message.
bool ParseBytes(const grpc::ByteBuffer& bytes,
                google::protobuf::Message& message);

// The message, or that inside a `Streamed`, which `inside` gives; null when the
// bytes are none.
template <typename Message, typename Streamed>
std::shared_ptr<const Message> ParseAnswer(const grpc::ByteBuffer& bytes,
                                           bool is_streamed,
                                           Message* (Streamed::*inside)()) {
  auto message = std::make_shared<Message>();
  if (!is_streamed) return ParseBytes(bytes, *message) ? message : nullptr;
  Streamed streamed;
  if (!ParseBytes(bytes, streamed)) return nullptr;
  message->Swap((streamed.*inside)());
  return message;
}

}  // namespace attention::load

#endif  // CLIENT_LOAD_PROTOBUF_FIELDS_H_
