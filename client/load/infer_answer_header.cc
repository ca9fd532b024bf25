// What an answer of the Open Inference Protocol says of itself.
#include <vector>

#include "client/load/answer_header.h"
#include "inference/grpc_service.pb.h"

namespace attention::load {
namespace {

using ::inference::InferParameter;
using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;

// Fields of the entries of a map.
constexpr int kMapKey = 1;
constexpr int kMapValue = 2;

// What is known of the outputs when all has been read: names and bytes come
// apart.
struct OutputParts {
  int count = 0;
  int contexts = -1;  // which of them
  std::vector<int> raw_bytes{};
};

bool ReadParameterValue(FieldInput& input, std::uint64_t& value) {
  return ReadFields(input, [&](const Field& field) {
    if (field.number == InferParameter::kInt64ParamFieldNumber) {
      value = field.value;
    }
    return false;
  });
}

bool ReadParameter(FieldInput& input, AnswerHeader& answer) {
  std::string name;
  std::uint64_t value = 0;
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    if (field.type != WireType::kBytes) return false;
    if (field.number == kMapKey) {
      good &= input.ReadString(&name, field.bytes);
      return true;
    }
    if (field.number != kMapValue) return false;
    good &= ReadMessage(input, field,
                        [&] { return ReadParameterValue(input, value); });
    return true;
  });
  if (name == "queue_us") answer.queue = ToServerTime(value);
  if (name == "compute_us") answer.compute = ToServerTime(value);
  return read && good;
}

bool ReadOutput(FieldInput& input, OutputParts& outputs) {
  std::string name;
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    if (field.type != WireType::kBytes ||
        field.number !=
            ModelInferResponse::InferOutputTensor::kNameFieldNumber) {
      return false;
    }
    good &= input.ReadString(&name, field.bytes);
    return true;
  });
  if (name == "contexts") outputs.contexts = outputs.count;
  ++outputs.count;
  return read && good;
}

bool ReadResponse(FieldInput& input, AnswerHeader& answer) {
  OutputParts outputs;
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    if (field.type != WireType::kBytes) return false;
    switch (field.number) {
      case ModelInferResponse::kIdFieldNumber:
        good &= input.ReadString(&answer.id, field.bytes);
        return true;
      case ModelInferResponse::kParametersFieldNumber:
        good &= ReadMessage(input, field,
                            [&] { return ReadParameter(input, answer); });
        return true;
      case ModelInferResponse::kOutputsFieldNumber:
        good &= ReadMessage(input, field,
                            [&] { return ReadOutput(input, outputs); });
        return true;
      case ModelInferResponse::kRawOutputContentsFieldNumber:
        outputs.raw_bytes.push_back(field.bytes);
        return false;
      default:
        return false;
    }
  });
  const auto contexts = static_cast<std::size_t>(outputs.contexts);
  if (outputs.contexts >= 0 && contexts < outputs.raw_bytes.size()) {
    answer.contexts_bytes = outputs.raw_bytes[contexts];
  }
  return read && good;
}

bool ReadStreamResponse(FieldInput& input, AnswerHeader& answer) {
  bool good = true;
  const bool read = ReadFields(input, [&](const Field& field) {
    if (field.type != WireType::kBytes) return false;
    switch (field.number) {
      case ModelStreamInferResponse::kErrorMessageFieldNumber:
        good &= input.ReadString(&answer.error_message, field.bytes);
        return true;
      case ModelStreamInferResponse::kInferResponseFieldNumber:
        good &= ReadMessage(input, field,
                            [&] { return ReadResponse(input, answer); });
        return true;
      default:
        return false;
    }
  });
  answer.is_error = !answer.error_message.empty();
  if (answer.is_error) answer.error_code = kNoCode;
  return read && good;
}

}  // namespace

std::optional<AnswerHeader> ReadInferResponse(grpc::ByteBuffer& bytes) {
  return ReadHeader(bytes, ReadResponse);
}

std::optional<AnswerHeader> ReadInferStreamResponse(grpc::ByteBuffer& bytes) {
  return ReadHeader(bytes, ReadStreamResponse);
}

}  // namespace attention::load
