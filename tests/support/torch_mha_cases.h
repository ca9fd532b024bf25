// Cases of torch.nn.MultiheadAttention.
#ifndef TESTS_SUPPORT_TORCH_MHA_CASES_H_
#define TESTS_SUPPORT_TORCH_MHA_CASES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/safetensors.h"
#include "tests/support/conformance_case.h"

namespace attention {

// One case for each way to tell the server what the file's masks say: as
// attn_mask, as lengths where key_padding_mask is padding at the end, and as
// is_causal where attn_mask is the triangle. The module's state dict lies in
// the same file, below any prefix. Unimplemented for options that are not
// served. The cases keep `file` alive.
absl::StatusOr<std::vector<ConformanceCase>> TorchMhaCases(
    const std::string& name, const std::string& path,
    const std::shared_ptr<const Safetensors>& file);

}  // namespace attention

#endif  // TESTS_SUPPORT_TORCH_MHA_CASES_H_
