#include "tests/core/model/model_directory.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "core/tensor/safetensors.h"

namespace attention {

ModelDirectory::ModelDirectory() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "model_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary directory");
  }
  path_ = pattern;
}

ModelDirectory::~ModelDirectory() { std::filesystem::remove_all(path_); }

std::string ModelDirectory::PathOf(const std::string& name) const {
  return path_ + "/" + name;
}

void ModelDirectory::Write(const std::string& name,
                           const std::string& text) const {
  std::ofstream(PathOf(name), std::ios::binary) << text;
}

void ModelDirectory::WriteTensors(
    const std::string& name, const TestTensors& tensors,
    const std::map<std::string, std::string, std::less<>>& metadata) const {
  Write(name, SerializeTestTensors(tensors, metadata));
}

std::string SerializeTestTensors(
    const TestTensors& tensors,
    const std::map<std::string, std::string, std::less<>>& metadata) {
  std::map<std::string, std::vector<std::byte>> data;
  std::map<std::string, TensorView, std::less<>> views;
  for (const auto& [name, tensor] : tensors) {
    const auto count =
        static_cast<std::size_t>(tensor.shape.ElementCount().value());
    std::vector<std::byte>& bytes = data[name];
    bytes.resize(count * DTypeSize(tensor.dtype));
    for (std::size_t i = 0; tensor.dtype == DType::kF32 && i < count; ++i) {
      const auto value = static_cast<float>(i);
      std::memcpy(bytes.data() + i * sizeof(value), &value, sizeof(value));
    }
    views.emplace(name, TensorView{tensor.dtype, tensor.shape, bytes.data()});
  }
  return SerializeSafetensors(views, metadata);
}

}  // namespace attention
