#include "server/rest/rest_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "server/http/error_response.h"
#include "server/rest/answers.h"
#include "server/rest/control_calls.h"
#include "server/rest/infer_call.h"
#include "server/rest/message_json.h"
#include "server/rest/route.h"

namespace attention::oip {
namespace {

http::Response NotFound(const std::string& path) {
  return ErrorAnswer(absl::NotFoundError(
      absl::StrCat("Not Found: there is no ", Quote(path),
                   "; GET /v2 says what this server is, POST "
                   "/v2/models/NAME/infer asks it")));
}

// Names that it has go into messages and answers, which must be UTF-8.
bool IsUtf8(const std::string& path) {
  try {
    Json(path).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

http::Response MethodNotAllowed(Endpoint endpoint, const std::string& method) {
  const std::string allowed(AllowedMethods(endpoint));
  http::Response answer = http::ErrorResponse(
      405, absl::StrCat("Method Not Allowed: ", Quote(method),
                        ", allowed: ", allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

// Counts as open until its answer is sent or its client has left.
http::Respond Counted(OpenRequests& open_requests, http::Respond respond) {
  open_requests.Enter();
  std::shared_ptr<const void> open(
      &open_requests, [](OpenRequests* requests) { requests->Leave(); });
  return [open = std::move(open),
          respond = std::move(respond)](http::Response answer) mutable {
    answer.owner = std::move(open);
    std::move(respond)(std::move(answer));
  };
}

}  // namespace

void RestService::Handle(std::shared_ptr<const http::Request> request,
                         http::Respond respond) {
  respond = Counted(context_.service.open_requests, std::move(respond));
  const std::optional<Route> route = ParseRoute(request->path);
  if (!IsUtf8(request->path)) {
    std::move(respond)(
        ErrorAnswer(absl::InvalidArgumentError("path: is not UTF-8")));
  } else if (!route.has_value()) {
    std::move(respond)(NotFound(request->path));
  } else if (!AllowsMethod(route->endpoint, request->method)) {
    std::move(respond)(MethodNotAllowed(route->endpoint, request->method));
  } else if (route->endpoint == Endpoint::kModelInfer) {
    StartInferCall(context_, watch_, threads_, std::move(request), *route,
                   std::move(respond));
  } else if (route->endpoint == Endpoint::kModelLoad) {
    StartModelLoad(context_, *route, *request, std::move(respond));
  } else {
    std::move(respond)(AnswerControlCall(context_, *route, *request));
  }
}

}  // namespace attention::oip
