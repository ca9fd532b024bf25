// Bytes in pieces -> InferMessage -> sequences: what is read must be what the
// generated class reads, and whatever conversion accepts must lie inside the
// request. The first byte says how the others are cut.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "google/protobuf/stubs/logging.h"
#include "server/inference/infer_inputs.h"
#include "server/inference/infer_message.h"
#include "server/inference/message_parts.h"
#include "tests/fuzz/check_converted.h"
#include "tests/support/infer_requests.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;

std::string BytesOf(const RawContents& raw) {
  std::string bytes(static_cast<std::size_t>(raw.bytes), '\0');
  if (raw.fragments != nullptr) {
    Require(raw.data == nullptr && raw.fragments->size() == raw.bytes);
    raw.fragments->Copy(0, raw.bytes,
                        reinterpret_cast<std::byte*>(bytes.data()));
  } else if (raw.bytes > 0) {
    std::memcpy(bytes.data(), raw.data, bytes.size());
  }
  return bytes;
}

void CheckMessage(const InferMessage& message, ModelInferRequest expected) {
  Require(static_cast<int>(message.raw.size()) ==
          expected.raw_input_contents_size());
  for (int i = 0; i < expected.raw_input_contents_size(); ++i) {
    Require(BytesOf(message.raw[static_cast<std::size_t>(i)]) ==
            expected.raw_input_contents(i));
  }
  expected.clear_raw_input_contents();
  expected.DiscardUnknownFields();
  Require(CanonicalBytes(message.header) == CanonicalBytes(expected));
}

void CheckInputs(const InferMessage& message, bool has_weights) {
  static auto& no_memory = *new SharedMemory;
  const auto read =
      ReadInferInputs(message, {.model = "m", .has_weights = has_weights},
                      ClientRegions(no_memory, "any", ""));
  if (!read.ok()) {
    Require(absl::IsInvalidArgument(read.status()) ||
            absl::IsNotFound(read.status()));
    Require(!read.status().message().empty());
    return;
  }
  Require(!read->outputs.empty());
  for (const ModelWidths& model : FuzzModels()) {
    // The largest answer, and a mask in pieces.
    MemoryBudget budget(2 << 20);
    CheckConverted(ConvertRequest(read->inputs, model, FuzzLimits(), budget));
  }
}

// Refused for its size, which the generated class does not look at.
bool IsOverLimit(const absl::Status& status) {
  return absl::StrContains(status.message(), "more than");
}

void CheckBytes(const std::string& bytes, unsigned seed) {
  ModelInferRequest expected;
  const bool parses = expected.ParseFromString(bytes);
  std::mt19937_64 random(seed);
  grpc::ByteBuffer buffer = CutBuffer(bytes, 1 + random() % 64, random);
  const auto message = ReadInferMessage(&buffer);
  if (!message.ok()) {
    Require(absl::IsInvalidArgument(message.status()));
    Require(!parses || IsOverLimit(message.status()));
    return;
  }
  Require(parses);
  CheckMessage(*message, std::move(expected));
  CheckInputs(*message, false);
  CheckInputs(*message, true);
}

}  // namespace
}  // namespace attention::oip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  // It would tell of each text that is no UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  attention::oip::CheckBytes(
      std::string(reinterpret_cast<const char*>(data + 1), size - 1), data[0]);
  return 0;
}
