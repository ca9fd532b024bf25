// A request under way, and how it comes down.
#ifndef CLIENT_LOAD_FLIGHT_H_
#define CLIENT_LOAD_FLIGHT_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <functional>
#include <string>

#include "client/load/answer_header.h"
#include "client/load/protocol.h"
#include "client/load/steady_clock.h"
#include "client/load/step.h"

namespace attention::load {

struct Flight {
  std::size_t request = 0;  // in the pool
  std::size_t trial = 0;    // of the run
  SteadyClock::time_point intended{};
  SteadyClock::time_point sent{};
};

struct Landing {
  Ending ending = Ending::kFailed;
  SteadyClock::time_point ended{};
  // "CODE: what the server or gRPC said", without a code "error_message: what
  // the server said"; empty when answered.
  std::string message{};
  // Answered only.
  AnswerHeader answer{};
  const grpc::ByteBuffer* bytes = nullptr;
};

// How a call ended that ended with `code`, a google.rpc.Code or kNoCode, and
// `message`.
Landing LandingOf(const Protocol& protocol, int code,
                  const std::string& message, SteadyClock::time_point ended);

// One that could not be used, whatever its status was.
Landing FailedLanding(const std::string& message,
                      SteadyClock::time_point ended);

using OnLanded = std::function<void(const Flight&, const Landing&)>;

}  // namespace attention::load

#endif  // CLIENT_LOAD_FLIGHT_H_
