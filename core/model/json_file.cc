#include "core/model/json_file.h"

#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tensor/mapped_file.h"

namespace attention {

absl::StatusOr<std::optional<std::int64_t>> JsonFile::GetCount(
    const std::string& key) const {
  const auto found = object.find(key);
  if (found == object.end()) return std::optional<std::int64_t>();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  if (found->is_number_unsigned()) {
    const auto count = found->get<std::uint64_t>();
    if (count >= 1 && count <= static_cast<std::uint64_t>(kMax)) {
      return static_cast<std::int64_t>(count);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", key, " must be a positive integer"));
}

absl::StatusOr<std::int64_t> JsonFile::RequireCount(
    const std::string& key) const {
  ATTENTION_ASSIGN_OR_RETURN(const std::optional<std::int64_t> count,
                             GetCount(key));
  if (count) return *count;
  return absl::InvalidArgumentError(absl::StrCat(path, ": has no ", key));
}

absl::StatusOr<JsonFile> ReadJsonFile(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file,
                             MappedFile::Open(path));
  return ParseJsonObject(
      path,
      absl::string_view(reinterpret_cast<const char*>(file->bytes().data()),
                        file->bytes().size()));
}

absl::StatusOr<JsonFile> ParseJsonObject(const std::string& path,
                                         absl::string_view text) {
  JsonFile file{.path = path,
                .object = nlohmann::json::parse(text.begin(), text.end(),
                                                /*cb=*/nullptr,
                                                /*allow_exceptions=*/false)};
  if (file.object.is_discarded()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not valid UTF-8 JSON"));
  }
  if (!file.object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is JSON, but not an object"));
  }
  return file;
}

}  // namespace attention
