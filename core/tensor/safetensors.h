// Reading and writing safetensors files.
//
// The format: a 64-bit little-endian header length, a JSON header, then the
// tensors' bytes. https://github.com/huggingface/safetensors#format
#ifndef CORE_TENSOR_SAFETENSORS_H_
#define CORE_TENSOR_SAFETENSORS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/tensor_view.h"

namespace attention {

// A parsed safetensors file. Its views are valid as long as it lives.
// Thread-safe.
class Safetensors {
 public:
  // Maps the file. Errors name the path and what is wrong with it.
  static absl::StatusOr<Safetensors> Open(const std::string& path);

  // Parses bytes that the caller keeps alive as long as the result.
  // InvalidArgument for every malformation: truncated, header too large or not
  // JSON, unknown dtype, offsets that overlap, leave holes, overflow or do not
  // match the shape, duplicate names.
  static absl::StatusOr<Safetensors> Parse(std::span<const std::byte> bytes);

  // By name, in the order of the names.
  const std::map<std::string, TensorView, std::less<>>& tensors() const {
    return tensors_;
  }
  // The strings of "__metadata__".
  const std::map<std::string, std::string, std::less<>>& metadata() const {
    return metadata_;
  }

  // NotFound with the name and a few names that there are.
  absl::StatusOr<TensorView> Get(absl::string_view name) const;

 private:
  Safetensors() = default;

  // What keeps the bytes alive; null when the caller does.
  std::shared_ptr<const void> storage_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

// Serializes tensors, in the order of their names, for WriteFile or the wire.
std::string SerializeSafetensors(
    const std::map<std::string, TensorView, std::less<>>& tensors,
    const std::map<std::string, std::string, std::less<>>& metadata);

}  // namespace attention

#endif  // CORE_TENSOR_SAFETENSORS_H_
