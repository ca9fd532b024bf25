// Fuzzes the safetensors reader: any bytes are refused or give views that lie
// inside them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "core/tensor/safetensors.h"

namespace {

using attention::Safetensors;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const absl::StatusOr<Safetensors> file =
      Safetensors::Parse(std::as_bytes(std::span(data, size)));
  if (!file.ok()) {
    Require(!file.status().message().empty());
    return 0;
  }
  std::uint64_t sum = 0;
  for (const auto& [name, view] : file->tensors()) {
    Require(file->Get(name).ok());
    const std::size_t bytes =
        static_cast<std::size_t>(view.shape.ElementCount().value()) *
        DTypeSize(view.dtype);
    // Every byte, for AddressSanitizer.
    for (std::size_t i = 0; i < bytes; ++i) {
      sum += std::to_integer<std::uint64_t>(view.data[i]);
    }
  }
  // Tensors do not overlap, so no byte counts twice.
  Require(sum <= std::uint64_t{255} * size);

  // What was read can be written, and read again with the same result.
  const std::string copy =
      attention::SerializeSafetensors(file->tensors(), file->metadata());
  const absl::StatusOr<Safetensors> again =
      Safetensors::Parse(std::as_bytes(std::span(copy.data(), copy.size())));
  Require(again.ok());
  Require(again->tensors().size() == file->tensors().size());
  Require(again->metadata() == file->metadata());
  return 0;
}
