// The Open Inference Protocol over HTTP, with Triton's extensions: what an
// HttpListener calls for each request.
#ifndef SERVER_REST_REST_SERVICE_H_
#define SERVER_REST_REST_SERVICE_H_

#include <memory>

#include "server/http/http_listener.h"
#include "server/inference/inference_context.h"
#include "server/rest/disconnect_watch.h"
#include "server/rest/json_threads.h"

namespace attention::oip {

// Thread-safe. Outlives the requests that it has not answered yet.
class RestService {
 public:
  // What `context` refers to outlives the service.
  explicit RestService(const InferenceContext& context) : context_(context) {}

  // Answers exactly once, here or on another thread.
  void Handle(std::shared_ptr<const http::Request> request,
              http::Respond respond);

 private:
  const InferenceContext context_;
  DisconnectWatch watch_;
  JsonThreads threads_;
};

}  // namespace attention::oip

#endif  // SERVER_REST_REST_SERVICE_H_
