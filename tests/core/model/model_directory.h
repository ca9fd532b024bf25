// A temporary directory for tests to write model files into.
#ifndef TESTS_CORE_MODEL_MODEL_DIRECTORY_H_
#define TESTS_CORE_MODEL_MODEL_DIRECTORY_H_

#include <map>
#include <string>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace attention {

// A tensor to write. F32 elements count up from 0, so that a test can tell
// where a view begins; other types are zero.
struct TestTensor {
  DType dtype = DType::kF32;
  Shape shape{};
};
using TestTensors = std::map<std::string, TestTensor>;

// Removes the directory when destroyed.
class ModelDirectory {
 public:
  ModelDirectory();
  ~ModelDirectory();
  ModelDirectory(const ModelDirectory&) = delete;
  ModelDirectory& operator=(const ModelDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& name) const;

  void Write(const std::string& name, const std::string& text) const;
  void WriteTensors(const std::string& name, const TestTensors& tensors,
                    const std::map<std::string, std::string, std::less<>>&
                        metadata = {}) const;

 private:
  std::string path_;
};

// The file of WriteTensors.
std::string SerializeTestTensors(
    const TestTensors& tensors,
    const std::map<std::string, std::string, std::less<>>& metadata);

}  // namespace attention

#endif  // TESTS_CORE_MODEL_MODEL_DIRECTORY_H_
