// Calls as requests of the Open Inference Protocol, without copying tensors.
#ifndef CLIENT_LOAD_INFER_MESSAGE_H_
#define CLIENT_LOAD_INFER_MESSAGE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/attention_client.h"
#include "client/cpp/piece_writer.h"
#include "inference/grpc_service.pb.h"

namespace attention::load {

// The pieces, one after another, are one inference.ModelInferRequest with the
// call's tensors and lengths as raw_input_contents and the rest as parameters,
// as server/inference/README.md has them; for attn_weights it asks
// MODEL@weights. Tensors with an owner are pieces where they lie, others are
// copied. InvalidArgument when the bytes of a tensor do not match its shape.
absl::StatusOr<std::vector<MessagePiece>> SerializeInferCall(
    const AttendCall& call);

// Id and tensors, which point into the response; its times are not read.
// Internal when the response contradicts itself.
absl::StatusOr<AttendResult> ToAttendResult(
    const std::shared_ptr<const ::inference::ModelInferResponse>& response);

}  // namespace attention::load

#endif  // CLIENT_LOAD_INFER_MESSAGE_H_
