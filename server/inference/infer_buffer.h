// InferAnswer -> slices that gRPC sends as they are.
#ifndef SERVER_INFERENCE_INFER_BUFFER_H_
#define SERVER_INFERENCE_INFER_BUFFER_H_

#include "grpcpp/support/byte_buffer.h"
#include "server/inference/infer.h"

namespace attention::oip {

// A ModelInferResponse, for an answer whose status is OK. Takes the memory of
// its tensors, which goes when gRPC has sent it.
grpc::ByteBuffer MakeInferBuffer(const InferAnswer& answer);

// A ModelStreamInferResponse, for any answer.
grpc::ByteBuffer MakeStreamInferBuffer(InferAnswer answer);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_BUFFER_H_
