// The JSON header of a safetensors file; private to the reader.
#ifndef CORE_TENSOR_SAFETENSORS_HEADER_H_
#define CORE_TENSOR_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attention {

// What the header says about one tensor, nothing of it compared with the data.
struct SafetensorsEntry {
  std::optional<std::string> dtype{};
  std::optional<std::vector<std::int64_t>> shape{};
  // Begin and end, in bytes after the header.
  std::optional<std::vector<std::int64_t>> data_offsets{};
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> tensors{};
  std::map<std::string, std::string, std::less<>> metadata{};
};

// Parses `json`. InvalidArgument unless it is one JSON object of the right form
// in which every tensor has all its fields and no key appears twice. Stops at
// the first thing that is wrong, however large or deep the rest is.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view json);

// `"text"`, fit for one line of a message: escaped and of limited length.
std::string QuoteText(absl::string_view text);

// `tensor "name"`, likewise.
std::string QuoteTensor(absl::string_view name);

}  // namespace attention

#endif  // CORE_TENSOR_SAFETENSORS_HEADER_H_
