// Reads the cases that somebody else computed from a directory.
#include "tests/support/conformance_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "core/base/status_macros.h"
#include "core/tensor/safetensors.h"
#include "tests/support/minilm_cases.h"
#include "tests/support/onnx_attention_cases.h"
#include "tests/support/torch_mha_cases.h"

namespace attention {
namespace {

namespace fs = std::filesystem;

bool HasTensorsNamedLike(const Safetensors& file, absl::string_view suffix) {
  for (const auto& [name, tensor] : file.tensors()) {
    if (absl::EndsWith(name, suffix)) return true;
  }
  return false;
}

absl::StatusOr<ConformanceFile> ReadFile(const fs::path& path,
                                         const std::string& demo_model) {
  ConformanceFile result{.name = path.stem().string()};
  ATTENTION_ASSIGN_OR_RETURN(Safetensors opened,
                             Safetensors::Open(path.string()));
  const auto file = std::make_shared<const Safetensors>(std::move(opened));
  absl::StatusOr<std::vector<ConformanceCase>> cases =
      std::vector<ConformanceCase>{};
  if (file->tensors().contains("query")) {
    cases = TorchMhaCases(result.name, path.string(), file);
  } else if (file->tensors().contains("Q")) {
    cases = OnnxAttentionCases(result.name, *file);
  } else if (HasTensorsNamedLike(*file, ".hidden")) {
    const fs::path beside = path.parent_path();
    cases =
        MinilmCases(*file, fs::exists(beside / "config.json") ? beside.string()
                                                              : demo_model);
  }
  if (absl::IsUnimplemented(cases.status())) {
    result.skipped = std::string(cases.status().message());
    return result;
  }
  ATTENTION_RETURN_IF_ERROR(cases.status());
  result.cases = *std::move(cases);
  for (ConformanceCase& a_case : result.cases) ApplyConventions(a_case);
  return result;
}

}  // namespace

std::string TestDataDirectory() {
  const char* directory = std::getenv("ATTENTION_TEST_DATA");
  return directory != nullptr ? directory : "tests/data";
}

std::string ConformanceDataDirectory() {
  const char* directory = std::getenv("ATTENTION_CONFORMANCE_DATA");
  return directory != nullptr ? directory : TestDataDirectory();
}

std::string DemoModelDirectory() {
  return TestDataDirectory() + "/../../server/demo/minilm";
}

absl::StatusOr<std::vector<ConformanceFile>> ReadConformanceFiles(
    const std::string& directory, const std::string& demo_model) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (entry.path().extension() == ".safetensors") {
      paths.push_back(entry.path());
    }
  }
  if (error) {
    return absl::NotFoundError(directory + ": " + error.message());
  }
  std::sort(paths.begin(), paths.end());

  std::vector<ConformanceFile> files;
  for (const fs::path& path : paths) {
    ATTENTION_ASSIGN_OR_RETURN(ConformanceFile file,
                               ReadFile(path, demo_model));
    if (!file.cases.empty() || !file.skipped.empty()) {
      files.push_back(std::move(file));
    }
  }
  return files;
}

}  // namespace attention
