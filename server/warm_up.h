// A few requests before the first real one, so that it is not slower.
#ifndef SERVER_WARM_UP_H_
#define SERVER_WARM_UP_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/engine/engine.h"
#include "core/model/model.h"

namespace attention {

// Runs short and long sequences of every model through the engine: kernels are
// generated, memory is touched, weights are paged in. The first error of a
// request is the result.
absl::Status WarmUp(Engine& engine,
                    const std::vector<std::shared_ptr<const Model>>& models);

}  // namespace attention

#endif  // SERVER_WARM_UP_H_
