// What gRPC and Protobuf print by themselves, sent to our log.
#ifndef SERVER_BASE_LIBRARY_LOGS_H_
#define SERVER_BASE_LIBRARY_LOGS_H_

namespace attention {

// At level debug: what matters reaches us as a status as well, and a client
// that sends nonsense must not be able to fill the log. Affects the process.
void RouteLibraryLogs();

}  // namespace attention

#endif  // SERVER_BASE_LIBRARY_LOGS_H_
