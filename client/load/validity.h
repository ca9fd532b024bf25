// Whether a step measured the server, or the client itself.
#ifndef CLIENT_LOAD_VALIDITY_H_
#define CLIENT_LOAD_VALIDITY_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "client/load/step.h"

namespace attention::load {

// What the client has to send with.
struct ClientMeans {
  int threads = 2;  // those that send and those that receive
  // That the machine and its cgroup let them use.
  double cpus = std::numeric_limits<double>::infinity();
  // Requests under way at once, and whether the streams allow no more.
  std::int64_t max_in_flight = 10'000;
  bool is_limited_by_streams = false;
};

// Reasons not to trust the figures; empty when there are none.
std::vector<InvalidReason> WhyInvalid(const Step& step,
                                      const ClientMeans& means);

// Whether one of `step.invalid` is of this kind.
bool IsInvalidFor(InvalidReason::Kind kind, const Step& step);

}  // namespace attention::load

#endif  // CLIENT_LOAD_VALIDITY_H_
