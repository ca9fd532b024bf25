#include "server/typed/response_buffer.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "attention/v1/attention.pb.h"
#include "grpcpp/support/slice.h"
#include "server/request/message_pieces.h"
#include "server/typed/convert_tensor.h"

namespace attention {
namespace {

// All of a Tensor field but the elements themselves.
std::string TensorPrefix(int field, const OutputTensor& tensor) {
  v1::Tensor small;
  small.set_dtype(ToProtoDType(tensor.dtype));
  for (const std::int64_t dim : tensor.shape.dims()) small.add_shape(dim);
  std::string body = small.SerializeAsString();
  AppendFieldHeader(v1::Tensor::kDataFieldNumber, tensor.bytes, body);
  std::string prefix;
  AppendFieldHeader(
      field, static_cast<std::int64_t>(body.size()) + tensor.bytes, prefix);
  return prefix + body;
}

std::int64_t Microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration)
      .count();
}

}  // namespace

grpc::ByteBuffer MakeResponseBuffer(const std::string& id,
                                    const AttentionTiming& timing,
                                    Outputs outputs, ResponseFraming framing) {
  v1::AttendResponse small;
  small.set_id(id);
  v1::Timing& times = *small.mutable_timing();
  times.set_queue_us(Microseconds(timing.queue));
  times.set_compute_us(Microseconds(timing.compute));
  times.set_batch_requests(timing.batch_requests);
  times.set_batch_tokens(timing.batch_tokens);

  // Fields of a message may come in any order.
  MessagePieces pieces;
  pieces.Add(small.SerializeAsString() +
             TensorPrefix(v1::AttendResponse::kContextsFieldNumber,
                          outputs.contexts()));
  pieces.Add(outputs.contexts(), outputs.reservation());
  if (outputs.weights_kind() != AttnWeights::kNone) {
    pieces.Add(TensorPrefix(v1::AttendResponse::kAttnWeightsFieldNumber,
                            outputs.attn_weights()));
    pieces.Add(outputs.attn_weights(), outputs.reservation());
  }
  if (framing == ResponseFraming::kStream) {
    pieces.Wrap(v1::AttendStreamResponse::kResponseFieldNumber);
  }
  return pieces.ToBuffer();
}

grpc::ByteBuffer MakeStreamErrorBuffer(const std::string& id,
                                       const absl::Status& status) {
  v1::AttendStreamResponse response;
  v1::AttendError& error = *response.mutable_error();
  error.set_id(id);
  error.set_code(static_cast<std::int32_t>(status.code()));
  error.set_message(std::string(status.message()));
  const grpc::Slice slice(response.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace attention
