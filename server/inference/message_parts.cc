#include "server/inference/message_parts.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "inference/grpc_service.pb.h"

namespace attention::oip {
namespace {

using ::google::protobuf::internal::WireFormatLite;
using ::google::protobuf::io::CodedInputStream;
using ::inference::InferTensorContents;
using ::inference::ModelInferRequest;
using ::inference::ModelInferRequest_InferInputTensor;

// The generated class takes no longer tag or length.
constexpr int kMaxVarintBytes = 5;

// The messages around the elements of typed contents.
enum class Level { kRequest, kInput, kContents };

// Which message the bytes of a field hold.
std::optional<Level> InnerLevel(Level level, int field) {
  if (level == Level::kRequest &&
      field == ModelInferRequest::kInputsFieldNumber) {
    return Level::kInput;
  }
  if (level == Level::kInput &&
      field == ModelInferRequest_InferInputTensor::kContentsFieldNumber) {
    return Level::kContents;
  }
  return std::nullopt;
}

// Whether a field takes no more in memory than on the wire. Of another wire
// type it would be an unknown field, which takes eight times that.
bool IsElements(Level level, std::uint32_t tag) {
  if (level != Level::kContents) return false;
  const auto type = WireFormatLite::GetTagWireType(tag);
  const bool is_packed = type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  switch (WireFormatLite::GetTagFieldNumber(tag)) {
    case InferTensorContents::kFp32ContentsFieldNumber:
      return is_packed || type == WireFormatLite::WIRETYPE_FIXED32;
    case InferTensorContents::kBoolContentsFieldNumber:
      return is_packed || type == WireFormatLite::WIRETYPE_VARINT;
    default:
      return false;
  }
}

// Walks from tag to tag. False from any of its functions: it is no message.
class PartsReader {
 public:
  explicit PartsReader(CodedInputStream& input) : input_(input) {}

  absl::Status Read() {
    bool more = true;
    while (more) {
      if (!ReadField(Level::kRequest, more)) return BrokenMessage();
      ATTENTION_RETURN_IF_ERROR(CheckSizes());
    }
    return absl::OkStatus();
  }

  const MessageParts& parts() const { return parts_; }

 private:
  // Sets `more` to whether there was one.
  bool ReadField(Level level, bool& more) {
    const int begin = input_.CurrentPosition();
    const std::uint32_t tag = input_.ReadTag();
    more = tag != 0;
    if (!more) return input_.ConsumedEntireMessage();
    if (input_.CurrentPosition() - begin > kMaxVarintBytes) return false;
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (level == Level::kRequest) CountTensor(field);
    const bool is_bytes = WireFormatLite::GetTagWireType(tag) ==
                          WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (is_bytes && level == Level::kRequest &&
        field == ModelInferRequest::kRawInputContentsFieldNumber) {
      return ReadRaw();
    }
    const auto inner = is_bytes ? InnerLevel(level, field) : std::nullopt;
    if (inner.has_value()) {
      if (!ReadInner(*inner, begin)) return false;
    } else {
      if (!WireFormatLite::SkipField(&input_, tag)) return false;
      if (!IsElements(level, tag)) {
        header_bytes_ += input_.CurrentPosition() - begin;
      }
    }
    if (level == Level::kRequest) AddHeader(begin);
    return true;
  }

  bool ReadLength(int& length) {
    const int begin = input_.CurrentPosition();
    return input_.ReadVarintSizeAsInt(&length) &&
           input_.CurrentPosition() - begin <= kMaxVarintBytes;
  }

  // The message of a field whose tag began at `begin`.
  bool ReadInner(Level level, int begin) {
    int length = 0;
    if (!ReadLength(length)) return false;
    header_bytes_ += input_.CurrentPosition() - begin;
    const std::int64_t end = std::int64_t{input_.CurrentPosition()} + length;
    if (end > std::numeric_limits<int>::max()) return false;
    const CodedInputStream::Limit outer = input_.PushLimit(length);
    bool more = true;
    while (more) {
      if (!ReadField(level, more)) return false;
    }
    input_.PopLimit(outer);
    // A limit beyond that of the outer message ends there.
    return input_.CurrentPosition() == end;
  }

  bool ReadRaw() {
    int length = 0;
    if (!ReadLength(length)) return false;
    const int begin = input_.CurrentPosition();
    if (!input_.Skip(length)) return false;
    parts_.raw.push_back({.begin = begin, .end = begin + length});
    return true;
  }

  // What was read since `begin`.
  void AddHeader(int begin) {
    const int end = input_.CurrentPosition();
    if (!parts_.header.empty() && parts_.header.back().end == begin) {
      parts_.header.back().end = end;
    } else {
      parts_.header.push_back({.begin = begin, .end = end});
    }
  }

  void CountTensor(int field) {
    if (field == ModelInferRequest::kInputsFieldNumber) ++inputs_;
    if (field == ModelInferRequest::kOutputsFieldNumber) ++outputs_;
    if (field == ModelInferRequest::kRawInputContentsFieldNumber) ++raw_;
  }

  absl::Status CheckSizes() const {
    if (header_bytes_ > kMaxHeaderBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "request: names, shapes, parameters and lengths take more than ",
          kMaxHeaderBytes,
          " bytes; send tensors in raw_input_contents, and lists of lengths "
          "too"));
    }
    if (std::max({inputs_, outputs_, raw_}) > kMaxTensors) {
      return absl::InvalidArgumentError(
          absl::StrCat("request: more than ", kMaxTensors, " ",
                       inputs_ > kMaxTensors    ? "inputs"
                       : outputs_ > kMaxTensors ? "outputs"
                                                : "raw_input_contents",
                       "; a model has six inputs and two outputs at most"));
    }
    return absl::OkStatus();
  }

  CodedInputStream& input_;
  MessageParts parts_;
  std::int64_t header_bytes_ = 0;
  int inputs_ = 0;
  int outputs_ = 0;
  int raw_ = 0;
};

}  // namespace

absl::StatusOr<MessageParts> FindParts(const Pieces& message) {
  PiecesStream stream(message);
  CodedInputStream input(&stream);
  PartsReader reader(input);
  ATTENTION_RETURN_IF_ERROR(reader.Read());
  return reader.parts();
}

absl::Status BrokenMessage() {
  return absl::InvalidArgumentError(
      "request: not an inference.ModelInferRequest, its bytes do not parse");
}

}  // namespace attention::oip
