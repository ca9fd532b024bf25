// attention.v1.AttentionService as attention-load speaks it.
#include <grpcpp/support/status_code_enum.h>

#include "absl/strings/match.h"
#include "attention/v1/attention.pb.h"
#include "client/cpp/attend_message.h"
#include "client/load/protobuf_fields.h"
#include "client/load/protocol.h"

namespace attention::load {
namespace {

class Typed final : public Protocol {
 public:
  const char* name() const override { return "typed"; }

  const char* Method(Way way) const override {
    return way == Way::kUnary ? "/attention.v1.AttentionService/Attend"
                              : "/attention.v1.AttentionService/AttendStream";
  }

  absl::StatusOr<std::vector<MessagePiece>> Serialize(
      const AttendCall& call) const override {
    return SerializeAttendCall(call);
  }

  std::string SerializeId(const std::string& id) const override {
    v1::AttendRequest addition;
    addition.set_id(id);
    return addition.SerializeAsString();
  }

  std::optional<AnswerHeader> ReadHeader(grpc::ByteBuffer& bytes,
                                         Way way) const override {
    return way == Way::kUnary ? ReadAttendResponse(bytes)
                              : ReadAttendStreamResponse(bytes);
  }

  absl::StatusOr<AttendResult> Parse(const grpc::ByteBuffer& bytes,
                                     Way way) const override {
    const auto response =
        ParseAnswer(bytes, way == Way::kStream,
                    &v1::AttendStreamResponse::mutable_response);
    if (response == nullptr) {
      return absl::InternalError("the answer is no AttendResponse");
    }
    return ToAttendResult(response);
  }

  Ending EndingOf(int code, const std::string& message) const override {
    switch (code) {
      case grpc::StatusCode::OK:
        return Ending::kAnswered;
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        // gRPC's words for a message over a limit, which no waiting mends.
        return absl::StrContains(message, "larger than max") ? Ending::kFailed
                                                             : Ending::kRefused;
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return Ending::kExpired;
      default:
        return Ending::kFailed;
    }
  }
};

}  // namespace

const Protocol& TypedProtocol() {
  static const Typed protocol;
  return protocol;
}

}  // namespace attention::load
