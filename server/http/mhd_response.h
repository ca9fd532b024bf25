// Answers as libmicrohttpd sends them.
#ifndef SERVER_HTTP_MHD_RESPONSE_H_
#define SERVER_HTTP_MHD_RESPONSE_H_

#include <memory>

#include "microhttpd.h"
#include "server/http/http_listener.h"

namespace attention::http {

struct DestroyMhdResponse {
  void operator()(MHD_Response* response) const {
    MHD_destroy_response(response);
  }
};
using MhdResponsePtr = std::unique_ptr<MHD_Response, DestroyMhdResponse>;

// Holds the owners of all pieces until it is sent, or its connection has died.
// Null when a header is none (a line break in it) or there is no memory.
MhdResponsePtr ToMhdResponse(Response response, bool keep_alive);

}  // namespace attention::http

#endif  // SERVER_HTTP_MHD_RESPONSE_H_
