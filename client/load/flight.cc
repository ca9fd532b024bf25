// A request under way, and how it comes down.
#include "client/load/flight.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace attention::load {
namespace {

Ending EndingOf(absl::StatusCode code, const std::string& message) {
  switch (code) {
    case absl::StatusCode::kOk:
      return Ending::kAnswered;
    case absl::StatusCode::kResourceExhausted:
      // gRPC's words for a message over a limit, which no waiting mends.
      return absl::StrContains(message, "larger than max") ? Ending::kFailed
                                                           : Ending::kRefused;
    case absl::StatusCode::kDeadlineExceeded:
      return Ending::kExpired;
    default:
      return Ending::kFailed;
  }
}

}  // namespace

Landing LandingOf(int code, const std::string& message,
                  SteadyClock::time_point ended) {
  const auto status = static_cast<absl::StatusCode>(code);
  return {.ending = EndingOf(status, message),
          .ended = ended,
          .message = code == 0 ? ""
                               : absl::StrCat(absl::StatusCodeToString(status),
                                              ": ", message)};
}

Landing FailedLanding(const std::string& message,
                      SteadyClock::time_point ended) {
  return {.ending = Ending::kFailed,
          .ended = ended,
          .message = absl::StrCat("BROKEN: ", message)};
}

}  // namespace attention::load
