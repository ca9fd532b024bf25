#include "server/rest/infer_call.h"

#include <cstddef>
#include <utility>

#include "core/base/clock.h"
#include "server/inference/infer.h"
#include "server/inference/served_name.h"
#include "server/inference/triton_code.h"
#include "server/request/attend.h"
#include "server/rest/answers.h"
#include "server/rest/json_threads.h"
#include "server/rest/read_infer.h"
#include "server/rest/write_infer.h"

namespace attention::oip {
namespace {

// Between the threads that a call is on.
struct OpenCall {
  MemoryBudget& budget;
  JsonThreads& threads;
  OutputForms forms{};
  http::Respond respond{};
};

void Finish(OpenCall call, InferAnswer answer) {
  const auto bytes = static_cast<std::size_t>(MaxTextBytes(answer, call.forms));
  JsonThreads& threads = call.threads;
  threads.Run(bytes, [call = std::move(call),
                      answer = std::move(answer)]() mutable {
    std::move(call.respond)(WriteInferAnswer(answer, call.forms, call.budget));
  });
}

void Begin(const InferenceContext& context, OpenCall call,
           std::shared_ptr<const http::Request> request, const Route& route,
           const RpcTerms& terms) {
  // It may have waited for others.
  absl::StatusOr<InferBody> body =
      terms.cancelled->load()
          ? absl::CancelledError("the client has left, or the server stops")
          : ReadInferBody(std::move(request), route, call.budget);
  if (!body.ok()) {
    RefuseAttend(context.service,
                 {.model = ParseServedName(route.name).model,
                  .arrival = terms.arrival,
                  .status = WithTritonCode(body.status(), {})},
                 [call = std::move(call)](const ServiceResult& result) mutable {
                   std::move(call.respond)(ErrorAnswer(result.status));
                 });
    return;
  }
  call.forms = std::move(body->forms);
  StartInfer(context, std::move(body->message), terms,
             [call = std::move(call)](InferAnswer answer) mutable {
               Finish(std::move(call), std::move(answer));
             });
}

}  // namespace

void StartInferCall(const InferenceContext& context, DisconnectWatch& watch,
                    JsonThreads& threads,
                    std::shared_ptr<const http::Request> request,
                    const Route& route, http::Respond respond) {
  const auto is_given_up = [&open_requests = context.service.open_requests,
                            has_left = request->cancelled] {
    return open_requests.abandoned() || has_left();
  };
  RpcTerms terms{.arrival = SystemClock().Now(),
                 .cancelled = watch.Watch(is_given_up),
                 .peer = request->peer};
  OpenCall call{.budget = context.service.budget,
                .threads = threads,
                .respond = std::move(respond)};
  // An error is quickly told.
  const std::size_t json_bytes = JsonBytes(*request).value_or(0);
  threads.Run(json_bytes, [&context, call = std::move(call),
                           request = std::move(request), route,
                           terms = std::move(terms)]() mutable {
    Begin(context, std::move(call), std::move(request), route, terms);
  });
}

}  // namespace attention::oip
