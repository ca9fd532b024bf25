// What an answer says of itself, read without copying its tensors.
#include "client/load/answer_header.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <limits>

#include "attention/v1/attention.pb.h"

namespace attention::load {
namespace {

using google::protobuf::io::CodedInputStream;

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

// The next field of the message that `input` is limited to; nothing at its end.
// Sets `broken` when there is none but should be.
std::optional<Field> NextField(CodedInputStream& input, bool& broken) {
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

// Calls read(field) for each field of a message; it returns whether it has
// consumed the bytes of a string or message, which are skipped otherwise.
template <typename Read>
bool ReadFields(CodedInputStream& input, const Read& read) {
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
bool ReadMessage(CodedInputStream& input, const Field& field,
                 const Read& read) {
  const auto outer = input.PushLimit(field.bytes);
  const bool good = read() && input.BytesUntilLimit() == 0;
  input.PopLimit(outer);
  return good;
}

// Far from where a duration in nanoseconds overflows.
constexpr std::uint64_t kHourUs = 3'600'000'000;

bool ReadTiming(CodedInputStream& input, AnswerHeader& answer) {
  return ReadFields(input, [&](const Field& field) {
    const std::chrono::microseconds time(
        static_cast<std::int64_t>(std::min(field.value, kHourUs)));
    if (field.number == v1::Timing::kQueueUsFieldNumber) answer.queue = time;
    if (field.number == v1::Timing::kComputeUsFieldNumber) {
      answer.compute = time;
    }
    return false;
  });
}

bool ReadContexts(CodedInputStream& input, AnswerHeader& answer) {
  return ReadFields(input, [&](const Field& field) {
    if (field.number == v1::Tensor::kDataFieldNumber) {
      answer.contexts_bytes = field.bytes;
    }
    return false;
  });
}

bool ReadResponse(CodedInputStream& input, AnswerHeader& answer) {
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    if (field.type != WireType::kBytes) return false;
    switch (field.number) {
      case v1::AttendResponse::kIdFieldNumber:
        good &= input.ReadString(&answer.id, field.bytes);
        return true;
      case v1::AttendResponse::kContextsFieldNumber:
        good &= ReadMessage(input, field,
                            [&] { return ReadContexts(input, answer); });
        return true;
      case v1::AttendResponse::kTimingFieldNumber:
        good &= ReadMessage(input, field,
                            [&] { return ReadTiming(input, answer); });
        return true;
      default:
        return false;
    }
  });
  return read && good;
}

bool ReadError(CodedInputStream& input, AnswerHeader& answer) {
  answer.is_error = true;
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    switch (field.number) {
      case v1::AttendError::kIdFieldNumber:
        good &= input.ReadString(&answer.id, field.bytes);
        return true;
      case v1::AttendError::kCodeFieldNumber:
        answer.error_code = static_cast<int>(field.value);
        return false;
      case v1::AttendError::kMessageFieldNumber:
        good &= input.ReadString(&answer.error_message, field.bytes);
        return true;
      default:
        return false;
    }
  });
  return read && good;
}

// Runs read(input, answer) over the bytes.
template <typename Read>
std::optional<AnswerHeader> ReadBytes(grpc::ByteBuffer& bytes,
                                      const Read& read) {
  grpc::ProtoBufferReader reader(&bytes);
  CodedInputStream input(&reader);
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  AnswerHeader answer;
  if (!read(input, answer)) return std::nullopt;
  return answer;
}

}  // namespace

std::optional<AnswerHeader> ReadAttendResponse(grpc::ByteBuffer& bytes) {
  return ReadBytes(bytes, ReadResponse);
}

std::optional<AnswerHeader> ReadAttendStreamResponse(grpc::ByteBuffer& bytes) {
  return ReadBytes(bytes, [](CodedInputStream& input, AnswerHeader& answer) {
    bool good = true;
    const bool read = ReadFields(input, [&](const Field& field) {
      if (field.type != WireType::kBytes) return false;
      switch (field.number) {
        case v1::AttendStreamResponse::kResponseFieldNumber:
          good &= ReadMessage(input, field,
                              [&] { return ReadResponse(input, answer); });
          return true;
        case v1::AttendStreamResponse::kErrorFieldNumber:
          good &= ReadMessage(input, field,
                              [&] { return ReadError(input, answer); });
          return true;
        default:
          return false;
      }
    });
    return read && good;
  });
}

}  // namespace attention::load
