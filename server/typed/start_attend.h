// An AttendRequest, from its bytes to its result.
#ifndef SERVER_TYPED_START_ATTEND_H_
#define SERVER_TYPED_START_ATTEND_H_

#include "grpcpp/support/byte_buffer.h"
#include "server/request/attend.h"
#include "server/request/rpc_request.h"

namespace attention {

// Reads an AttendRequest from `bytes`, which it clears, and starts it.
void StartAttendMessage(const ServiceContext& context, grpc::ByteBuffer* bytes,
                        const RpcTerms& terms, ServiceDone done);

}  // namespace attention

#endif  // SERVER_TYPED_START_ATTEND_H_
