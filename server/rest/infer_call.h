// POST /v2/models/NAME/infer, from its body to its answer.
#ifndef SERVER_REST_INFER_CALL_H_
#define SERVER_REST_INFER_CALL_H_

#include <memory>

#include "server/http/http_listener.h"
#include "server/inference/inference_context.h"
#include "server/rest/disconnect_watch.h"
#include "server/rest/json_threads.h"
#include "server/rest/route.h"

namespace attention::oip {

// Answers exactly once, here, on a worker thread or on one of `threads`. A
// client that leaves cancels its request. `context` and the others outlive it.
void StartInferCall(const InferenceContext& context, DisconnectWatch& watch,
                    JsonThreads& threads,
                    std::shared_ptr<const http::Request> request,
                    const Route& route, http::Respond respond);

}  // namespace attention::oip

#endif  // SERVER_REST_INFER_CALL_H_
