// Unary rpcs whose messages are parsed whole: all that carry no tensors.
//
// They take and give bytes as the others do, because gRPC's own parsing knows
// neither compressed messages here (see compressed_message.h) nor what to say
// of bytes that are no message.
#ifndef SERVER_REQUEST_MESSAGE_CALL_H_
#define SERVER_REQUEST_MESSAGE_CALL_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/request/unary_call.h"

namespace attention {

// InvalidArgument when `bytes` are no such message.
absl::Status ParseMessage(grpc::ByteBuffer& bytes,
                          google::protobuf::Message& message);

// The same of bytes that may be compressed; ResourceExhausted when they become
// more than a call without tensors may have.
absl::Status ReadMessage(grpc::ByteBuffer bytes,
                         google::protobuf::Message& message);

grpc::ByteBuffer WriteMessage(const google::protobuf::Message& message);

// Serves one call with `answer`, a function of Request and Response& that
// returns absl::Status.
template <class Request, class Response, class Answer>
grpc::ServerUnaryReactor* AnswerMessage(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer& request,
                                        grpc::ByteBuffer* response,
                                        const Answer& answer) {
  Request asked;
  Response answered;
  absl::Status status = ReadMessage(request, asked);
  if (status.ok()) status = answer(asked, answered);
  if (status.ok()) *response = WriteMessage(answered);
  return FinishNow(rpc, status);
}

}  // namespace attention

#endif  // SERVER_REQUEST_MESSAGE_CALL_H_
