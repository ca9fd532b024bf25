#include "server/rest/infer_call.h"

#include <utility>

#include "core/base/clock.h"
#include "server/inference/infer.h"
#include "server/inference/served_name.h"
#include "server/inference/triton_code.h"
#include "server/request/attend.h"
#include "server/rest/answers.h"
#include "server/rest/read_infer.h"
#include "server/rest/write_infer.h"

namespace attention::oip {

void StartInferCall(const InferenceContext& context, DisconnectWatch& watch,
                    std::shared_ptr<const http::Request> request,
                    const Route& route, http::Respond respond) {
  const auto is_given_up = [&open_requests = context.service.open_requests,
                            has_left = request->cancelled] {
    return open_requests.abandoned() || has_left();
  };
  RpcTerms terms{.arrival = SystemClock().Now(),
                 .cancelled = watch.Watch(is_given_up),
                 .peer = request->peer};
  MemoryBudget& budget = context.service.budget;
  absl::StatusOr<InferBody> body =
      ReadInferBody(std::move(request), route, budget);
  if (!body.ok()) {
    RefuseAttend(
        context.service,
        {.model = ParseServedName(route.name).model,
         .arrival = terms.arrival,
         .status = WithTritonCode(body.status(), {})},
        [respond = std::move(respond)](const AttendResult& result) mutable {
          std::move(respond)(ErrorAnswer(result.status));
        });
    return;
  }
  StartInfer(context, std::move(body->message), terms,
             [&budget, forms = std::move(body->forms),
              respond = std::move(respond)](const InferAnswer& answer) mutable {
               std::move(respond)(WriteInferAnswer(answer, forms, budget));
             });
}

}  // namespace attention::oip
