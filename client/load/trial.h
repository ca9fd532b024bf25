// A measurement to be made, and how it is made.
#ifndef CLIENT_LOAD_TRIAL_H_
#define CLIENT_LOAD_TRIAL_H_

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "client/load/step.h"

namespace attention::load {

// `load` for `warm_up`, which is not counted, and then for `duration`.
struct Trial {
  Load load{};
  Seconds warm_up{0};
  Seconds duration{0};
};

// Makes them one after another without a pause, also while requests of the one
// before are still under way, and gives a step for each. Fails only when
// nothing can be measured at all.
using Measure = absl::AnyInvocable<absl::StatusOr<std::vector<Step>>(
    const std::vector<Trial>&)>;

}  // namespace attention::load

#endif  // CLIENT_LOAD_TRIAL_H_
