// When the requests of an open loop are meant to start.
#ifndef CLIENT_LOAD_ARRIVAL_TIMES_H_
#define CLIENT_LOAD_ARRIVAL_TIMES_H_

#include <chrono>
#include <cstdint>

#include "client/load/draws.h"
#include "client/load/step.h"

namespace attention::load {

// Start times since the beginning of a run, in order and without an end. They
// never wait for answers. The same seed gives the same times.
class ArrivalTimes {
 public:
  // REQUIRES: kPoisson or kConstant, rate > 0.
  ArrivalTimes(Arrivals arrivals, double rate, std::uint64_t seed);

  std::chrono::nanoseconds Next();

 private:
  const Arrivals arrivals_;
  const double rate_;
  Draws draws_;
  std::int64_t count_ = 0;
  double poisson_seconds_ = 0;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_ARRIVAL_TIMES_H_
