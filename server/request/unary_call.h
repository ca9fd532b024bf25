// A unary rpc that takes and gives bytes.
#ifndef SERVER_REQUEST_UNARY_CALL_H_
#define SERVER_REQUEST_UNARY_CALL_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/request/open_requests.h"
#include "server/request/rpc_request.h"

namespace attention {

// Serves one call with `start`. gRPC made `request` for this call alone, which
// may therefore be emptied: a request should not be in memory twice while it is
// computed. The reactor owns itself.
grpc::ServerUnaryReactor* StartUnaryCall(grpc::CallbackServerContext* rpc,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response,
                                         OpenRequests& open_requests,
                                         const StartRequest& start);

// Ends a call that needs no engine.
grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* rpc,
                                    const absl::Status& status);

}  // namespace attention

#endif  // SERVER_REQUEST_UNARY_CALL_H_
