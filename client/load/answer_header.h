// What an answer says of itself, read without copying its tensors.
#ifndef CLIENT_LOAD_ANSWER_HEADER_H_
#define CLIENT_LOAD_ANSWER_HEADER_H_

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace attention::load {

struct AnswerHeader {
  std::string id{};
  // Of `contexts`.
  std::int64_t contexts_bytes = 0;
  // At most an hour each, whatever the server says.
  std::chrono::microseconds queue{0};
  std::chrono::microseconds compute{0};
  // A stream's answer only: whether it is an error, its google.rpc.Code and
  // text.
  bool is_error = false;
  int error_code = 0;
  std::string error_message{};
};

// Reads a v1.AttendResponse or a v1.AttendStreamResponse; nothing when the
// bytes are none. `bytes` stays as it is.
std::optional<AnswerHeader> ReadAttendResponse(grpc::ByteBuffer& bytes);
std::optional<AnswerHeader> ReadAttendStreamResponse(grpc::ByteBuffer& bytes);

}  // namespace attention::load

#endif  // CLIENT_LOAD_ANSWER_HEADER_H_
