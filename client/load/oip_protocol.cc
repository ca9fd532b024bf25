// inference.GRPCInferenceService as attention-load speaks it.
#include <grpcpp/support/status_code_enum.h>

#include "absl/strings/match.h"
#include "client/load/infer_message.h"
#include "client/load/protobuf_fields.h"
#include "client/load/protocol.h"
#include "inference/grpc_service.pb.h"

namespace attention::load {
namespace {

// One code, or none, says all of this; only the words differ. What they do not
// say, a lost connection or a server that stops, has failed.
Ending EndingOfText(const std::string& message) {
  if (absl::StrContains(message, "Request timeout expired")) {
    return Ending::kExpired;
  }
  for (const char* words :
       {"try again later", "the server has no memory left"}) {
    if (absl::StrContains(message, words)) return Ending::kRefused;
  }
  return Ending::kFailed;
}

class OpenInference final : public Protocol {
 public:
  const char* name() const override { return "oip"; }

  const char* Method(Way way) const override {
    return way == Way::kUnary
               ? "/inference.GRPCInferenceService/ModelInfer"
               : "/inference.GRPCInferenceService/ModelStreamInfer";
  }

  absl::StatusOr<std::vector<MessagePiece>> Serialize(
      const AttendCall& call) const override {
    return SerializeInferCall(call);
  }

  std::string SerializeId(const std::string& id) const override {
    ::inference::ModelInferRequest addition;
    addition.set_id(id);
    return addition.SerializeAsString();
  }

  std::optional<AnswerHeader> ReadHeader(grpc::ByteBuffer& bytes,
                                         Way way) const override {
    return way == Way::kUnary ? ReadInferResponse(bytes)
                              : ReadInferStreamResponse(bytes);
  }

  absl::StatusOr<AttendResult> Parse(const grpc::ByteBuffer& bytes,
                                     Way way) const override {
    const auto response = ParseAnswer(
        bytes, way == Way::kStream,
        &::inference::ModelStreamInferResponse::mutable_infer_response);
    if (response == nullptr) {
      return absl::InternalError("the answer is no ModelInferResponse");
    }
    return ToAttendResult(response);
  }

  Ending EndingOf(int code, const std::string& message) const override {
    if (code == kNoCode || code == grpc::StatusCode::UNAVAILABLE) {
      return EndingOfText(message);
    }
    return TypedProtocol().EndingOf(code, message);
  }
};

}  // namespace

const Protocol& OpenInferenceProtocol() {
  static const OpenInference protocol;
  return protocol;
}

}  // namespace attention::load
