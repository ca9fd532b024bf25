// JSON files beside a model's weights; private to the loader.
#ifndef CORE_MODEL_JSON_FILE_H_
#define CORE_MODEL_JSON_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace attention {

// A JSON object and where it comes from, for messages.
struct JsonFile {
  std::string path{};
  nlohmann::json object{};

  // The positive integer under `key`; nothing when there is no such key,
  // InvalidArgument when it is something else.
  absl::StatusOr<std::optional<std::int64_t>> GetCount(
      const std::string& key) const;

  // Likewise, InvalidArgument when there is no such key.
  absl::StatusOr<std::int64_t> RequireCount(const std::string& key) const;
};

// Every error begins with the path.
absl::StatusOr<JsonFile> ReadJsonFile(const std::string& path);
absl::StatusOr<JsonFile> ParseJsonObject(const std::string& path,
                                         absl::string_view text);

}  // namespace attention

#endif  // CORE_MODEL_JSON_FILE_H_
