// What an answer says of itself, read without copying its tensors.
#include "client/load/answer_header.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <limits>

#include "attention/v1/attention.pb.h"

namespace attention::load {
namespace {

// Far from where a duration in nanoseconds overflows.
constexpr std::uint64_t kHourUs = 3'600'000'000;

bool ReadTiming(FieldInput& input, AnswerHeader& answer) {
  return ReadFields(input, [&](const Field& field) {
    const std::chrono::microseconds time = ToServerTime(field.value);
    if (field.number == v1::Timing::kQueueUsFieldNumber) answer.queue = time;
    if (field.number == v1::Timing::kComputeUsFieldNumber) {
      answer.compute = time;
    }
    return false;
  });
}

bool ReadContexts(FieldInput& input, AnswerHeader& answer) {
  return ReadFields(input, [&](const Field& field) {
    if (field.number == v1::Tensor::kDataFieldNumber) {
      answer.contexts_bytes = field.bytes;
    }
    return false;
  });
}

bool ReadResponse(FieldInput& input, AnswerHeader& answer) {
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

bool ReadError(FieldInput& input, AnswerHeader& answer) {
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

}  // namespace

std::chrono::microseconds ToServerTime(std::uint64_t microseconds) {
  return std::chrono::microseconds(
      static_cast<std::int64_t>(std::min(microseconds, kHourUs)));
}

std::optional<AnswerHeader> ReadHeader(
    grpc::ByteBuffer& bytes,
    const std::function<bool(FieldInput&, AnswerHeader&)>& read) {
  grpc::ProtoBufferReader reader(&bytes);
  FieldInput input(&reader);
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  AnswerHeader answer;
  if (!read(input, answer)) return std::nullopt;
  return answer;
}

std::optional<AnswerHeader> ReadAttendResponse(grpc::ByteBuffer& bytes) {
  return ReadHeader(bytes, ReadResponse);
}

std::optional<AnswerHeader> ReadAttendStreamResponse(grpc::ByteBuffer& bytes) {
  return ReadHeader(bytes, [](FieldInput& input, AnswerHeader& answer) {
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
