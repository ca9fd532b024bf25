// What an answer says of itself, read without copying its tensors.
#ifndef CLIENT_LOAD_ANSWER_HEADER_H_
#define CLIENT_LOAD_ANSWER_HEADER_H_

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/load/protobuf_fields.h"

namespace attention::load {

// In the place of a google.rpc.Code where an error has none.
inline constexpr int kNoCode = -1;

struct AnswerHeader {
  std::string id{};
  // Of `contexts`.
  std::int64_t contexts_bytes = 0;
  // At most an hour each, whatever the server says.
  std::chrono::microseconds queue{0};
  std::chrono::microseconds compute{0};
  // A stream's answer only: whether it is an error, its google.rpc.Code or
  // kNoCode, and its text.
  bool is_error = false;
  int error_code = 0;
  std::string error_message{};
};

// Reads a v1.AttendResponse or a v1.AttendStreamResponse; nothing when the
// bytes are none. `bytes` stays as it is.
std::optional<AnswerHeader> ReadAttendResponse(grpc::ByteBuffer& bytes);
std::optional<AnswerHeader> ReadAttendStreamResponse(grpc::ByteBuffer& bytes);

// The same of an inference.ModelInferResponse or ModelStreamInferResponse,
// whose errors have no code. `contexts` is found by its name.
std::optional<AnswerHeader> ReadInferResponse(grpc::ByteBuffer& bytes);
std::optional<AnswerHeader> ReadInferStreamResponse(grpc::ByteBuffer& bytes);

// Time that a server has sent as `microseconds`.
std::chrono::microseconds ToServerTime(std::uint64_t microseconds);

// What read(input, answer) makes of the bytes; nothing when it returns false.
std::optional<AnswerHeader> ReadHeader(
    grpc::ByteBuffer& bytes,
    const std::function<bool(FieldInput&, AnswerHeader&)>& read);

}  // namespace attention::load

#endif  // CLIENT_LOAD_ANSWER_HEADER_H_
