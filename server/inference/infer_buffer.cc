#include "server/inference/infer_buffer.h"

#include <string>

#include "inference/grpc_service.pb.h"
#include "server/request/message_pieces.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferResponse;
using ::inference::ModelStreamInferResponse;

MessagePieces MakePieces(const InferAnswer& answer) {
  MessagePieces pieces;
  // Sent with the first tensor, as what is small costs most by itself.
  std::string before = answer.header.SerializeAsString();
  for (const OutputTensor& tensor : answer.raw) {
    AppendFieldHeader(ModelInferResponse::kRawOutputContentsFieldNumber,
                      tensor.bytes, before);
    if (tensor.bytes == 0) continue;
    pieces.Add(before);
    pieces.Add(tensor, answer.reservation);
    before.clear();
  }
  if (!before.empty()) pieces.Add(before);
  return pieces;
}

}  // namespace

grpc::ByteBuffer MakeInferBuffer(const InferAnswer& answer) {
  return MakePieces(answer).ToBuffer();
}

grpc::ByteBuffer MakeStreamInferBuffer(InferAnswer answer) {
  if (!answer.status.ok()) {
    ModelStreamInferResponse response;
    response.set_error_message(std::string(answer.status.message()));
    *response.mutable_infer_response() = std::move(answer.header);
    MessagePieces pieces;
    pieces.Add(response.SerializeAsString());
    return pieces.ToBuffer();
  }
  // Clients that may get several answers to a request look for the last.
  (*answer.header.mutable_parameters())["triton_final_response"].set_bool_param(
      true);
  MessagePieces pieces = MakePieces(answer);
  pieces.Wrap(ModelStreamInferResponse::kInferResponseFieldNumber);
  return pieces.ToBuffer();
}

}  // namespace attention::oip
