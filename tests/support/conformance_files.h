// Reads the cases that somebody else computed from a directory.
#ifndef TESTS_SUPPORT_CONFORMANCE_FILES_H_
#define TESTS_SUPPORT_CONFORMANCE_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/conformance_case.h"

namespace attention {

// What a file holds.
struct ConformanceFile {
  std::string name{};
  std::vector<ConformanceCase> cases{};
  // Why there are no cases: what the file asks for that is not served.
  std::string skipped{};
};

// Of this project: tests/data, from $ATTENTION_TEST_DATA, and the demo model.
std::string TestDataDirectory();
std::string DemoModelDirectory();
// $ATTENTION_CONFORMANCE_DATA, or tests/data without.
std::string ConformanceDataDirectory();

// Reads every .safetensors file below `directory` in the order of their names,
// whatever the folders are called: the tensors tell a file's kind. Parameters
// of models hold no case and are left out. `demo_model` is the directory of the
// model that MiniLM's samples were taken from, unless one lies beside them.
absl::StatusOr<std::vector<ConformanceFile>> ReadConformanceFiles(
    const std::string& directory, const std::string& demo_model);

}  // namespace attention

#endif  // TESTS_SUPPORT_CONFORMANCE_FILES_H_
