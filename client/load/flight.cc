// A request under way, and how it comes down.
#include "client/load/flight.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace attention::load {
Landing LandingOf(const Protocol& protocol, int code,
                  const std::string& message, SteadyClock::time_point ended) {
  Landing landing{.ending = protocol.EndingOf(code, message), .ended = ended};
  if (code == kNoCode) {
    landing.message = absl::StrCat("error_message: ", message);
  } else if (code != 0) {
    const auto status = static_cast<absl::StatusCode>(code);
    landing.message =
        absl::StrCat(absl::StatusCodeToString(status), ": ", message);
  }
  return landing;
}

Landing FailedLanding(const std::string& message,
                      SteadyClock::time_point ended) {
  return {.ending = Ending::kFailed,
          .ended = ended,
          .message = absl::StrCat("BROKEN: ", message)};
}

}  // namespace attention::load
