// What says or changes how the server is: everything but inference.
#ifndef SERVER_REST_CONTROL_CALLS_H_
#define SERVER_REST_CONTROL_CALLS_H_

#include "server/http/http_listener.h"
#include "server/inference/inference_context.h"
#include "server/rest/route.h"

namespace attention::oip {

// Answers an endpoint other than kModelInfer and kModelLoad.
http::Response AnswerControlCall(const InferenceContext& context,
                                 const Route& route,
                                 const http::Request& request);

// Answers when the model is loaded, on another thread, or at once.
void StartModelLoad(const InferenceContext& context, const Route& route,
                    const http::Request& request, http::Respond respond);

}  // namespace attention::oip

#endif  // SERVER_REST_CONTROL_CALLS_H_
