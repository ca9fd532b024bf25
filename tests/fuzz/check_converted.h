// What every door's fuzzer asks of conversion: whatever it accepts must lie
// inside the request, and the outputs inside their own memory.
#ifndef TESTS_FUZZ_CHECK_CONVERTED_H_
#define TESTS_FUZZ_CHECK_CONVERTED_H_

#include <vector>

#include "absl/status/statusor.h"
#include "server/request/convert.h"
#include "server/request/model_widths.h"

namespace attention {

// Ends the process unless it is true.
void Require(bool condition);

// `sdpa`, and a small layer.
std::vector<ModelWidths> FuzzModels();

// Small ones.
ConvertLimits FuzzLimits();

// What was converted for one of FuzzModels within FuzzLimits. Ends the process
// when it is wrong.
void CheckConverted(const absl::StatusOr<ConvertedRequest>& converted);

}  // namespace attention

#endif  // TESTS_FUZZ_CHECK_CONVERTED_H_
