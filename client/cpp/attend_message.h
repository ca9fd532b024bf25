// AttendRequest and AttendResponse as bytes, without copying tensors.
#ifndef CLIENT_CPP_ATTEND_MESSAGE_H_
#define CLIENT_CPP_ATTEND_MESSAGE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/v1/attention.pb.h"
#include "client/cpp/attention_client.h"
#include "client/cpp/piece_writer.h"

namespace attention {

// The pieces, one after another, are one serialized v1::AttendRequest. Data of
// tensors with an owner is a piece where it lies; what has none is copied.
// InvalidArgument when the bytes of a tensor do not match its shape.
absl::StatusOr<std::vector<MessagePiece>> SerializeAttendCall(
    const AttendCall& call);

// The tensors of the result point into the response. Internal when the
// response contradicts itself.
absl::StatusOr<AttendResult> ToAttendResult(
    const std::shared_ptr<const v1::AttendResponse>& response);

ModelInfo ToModelInfo(const v1::Model& model);
ServerInfo ToServerInfo(const v1::GetServerInfoResponse& response);

}  // namespace attention

#endif  // CLIENT_CPP_ATTEND_MESSAGE_H_
