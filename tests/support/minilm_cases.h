// Attention of real sentences in the layers of a BERT model.
#ifndef TESTS_SUPPORT_MINILM_CASES_H_
#define TESTS_SUPPORT_MINILM_CASES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/safetensors.h"
#include "tests/support/conformance_case.h"

namespace attention {

// One case for each SENTENCE.layerN.{hidden,context,weights} in `file`, and for
// each layer one with all its sentences as a ragged batch. `model_directory`
// has the parameters, with Hugging Face's names.
absl::StatusOr<std::vector<ConformanceCase>> MinilmCases(
    const Safetensors& file, const std::string& model_directory);

}  // namespace attention

#endif  // TESTS_SUPPORT_MINILM_CASES_H_
