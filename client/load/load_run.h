// Runs trials against a deployment.
#ifndef CLIENT_LOAD_LOAD_RUN_H_
#define CLIENT_LOAD_LOAD_RUN_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/lane.h"
#include "client/load/progress_line.h"
#include "client/load/step.h"
#include "client/load/trial.h"
#include "client/load/verifier.h"

namespace attention::load {

// Called about every half second; never while a trial's threads wait for it.
using OnProgress = std::function<void(const Progress&)>;

// Runs the trials one after another without a pause between them, waits until
// all their requests have ended, and verifies the answers that were kept, with
// `verifier` unless it is null. InvalidArgument when nothing is to be sent.
absl::StatusOr<std::vector<Step>> RunTrials(const RunSetup& setup,
                                            const std::vector<Trial>& trials,
                                            Verifier* verifier,
                                            const OnProgress& on_progress);

}  // namespace attention::load

#endif  // CLIENT_LOAD_LOAD_RUN_H_
