// Node tests of the ONNX operator Attention, as requests to `sdpa`.
#ifndef TESTS_SUPPORT_ONNX_ATTENTION_CASES_H_
#define TESTS_SUPPORT_ONNX_ATTENTION_CASES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/safetensors.h"
#include "tests/support/conformance_case.h"

namespace attention {

// One case, or Unimplemented for what is not served: past and present, softcap,
// and the score outputs other than the attention weights.
absl::StatusOr<std::vector<ConformanceCase>> OnnxAttentionCases(
    const std::string& name, const Safetensors& file);

}  // namespace attention

#endif  // TESTS_SUPPORT_ONNX_ATTENTION_CASES_H_
