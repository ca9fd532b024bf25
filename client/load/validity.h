// Whether a step measured the server, or the client itself.
#ifndef CLIENT_LOAD_VALIDITY_H_
#define CLIENT_LOAD_VALIDITY_H_

#include <string>
#include <vector>

#include "client/load/step.h"

namespace attention::load {

// Reasons not to trust the figures, each saying what to do; empty when there
// are none. `threads` counts those that send and those that receive.
std::vector<std::string> WhyInvalid(const Step& step, int threads);

// Whether one of the reasons in `step.invalid` is the client's own. Requests
// that were dropped are none: the server left too many in flight. Neither is a
// step of no request.
bool IsClientLimited(const Step& step);

}  // namespace attention::load

#endif  // CLIENT_LOAD_VALIDITY_H_
