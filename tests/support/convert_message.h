// An AttendRequest to sequences for the engine, in the steps of the server.
#ifndef TESTS_SUPPORT_CONVERT_MESSAGE_H_
#define TESTS_SUPPORT_CONVERT_MESSAGE_H_

#include "core/base/status_macros.h"
#include "server/request/convert.h"
#include "server/typed/read_inputs.h"

namespace attention {

inline absl::StatusOr<ConvertedRequest> ConvertMessage(
    const v1::AttendRequest& request, const ModelWidths& model,
    const ConvertLimits& limits, MemoryBudget& budget) {
  ATTENTION_ASSIGN_OR_RETURN(const RequestInputs inputs, ReadInputs(request));
  return ConvertRequest(inputs, model, limits, budget);
}

}  // namespace attention

#endif  // TESTS_SUPPORT_CONVERT_MESSAGE_H_
