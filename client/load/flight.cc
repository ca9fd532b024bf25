// A request under way, and how it comes down.
#include "client/load/flight.h"

#include <grpcpp/support/status_code_enum.h>

namespace attention::load {

Ending EndingOf(int code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return Ending::kAnswered;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Ending::kRefused;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Ending::kExpired;
    default:
      return Ending::kFailed;
  }
}

}  // namespace attention::load
