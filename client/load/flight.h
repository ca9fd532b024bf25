// A request under way, and how it comes down.
#ifndef CLIENT_LOAD_FLIGHT_H_
#define CLIENT_LOAD_FLIGHT_H_

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "client/load/answer_header.h"
#include "client/load/step.h"

namespace attention::load {

using SteadyClock = std::chrono::steady_clock;

struct Flight {
  std::size_t request = 0;  // in the pool
  std::size_t trial = 0;    // of the run
  SteadyClock::time_point intended{};
  SteadyClock::time_point sent{};
};

struct Landing {
  Ending ending = Ending::kFailed;
  SteadyClock::time_point ended{};
  // What the server or gRPC said; empty when answered.
  std::string message{};
  // Answered only.
  AnswerHeader answer{};
  const grpc::ByteBuffer* bytes = nullptr;
};

// How a call ended that ended with `code`, a google.rpc.Code.
Ending EndingOf(int code);

using OnLanded = std::function<void(const Flight&, Landing&)>;

}  // namespace attention::load

#endif  // CLIENT_LOAD_FLIGHT_H_
