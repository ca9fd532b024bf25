// The members of a JSON object, each with its type.
#ifndef SERVER_REST_JSON_FIELDS_H_
#define SERVER_REST_JSON_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "server/inference/parameter_reader.h"

namespace attention::oip {

// Every function gives nothing for a member that is absent, and
// InvalidArgument, naming whose member it is, for one of another type.
class JsonFields {
 public:
  // InvalidArgument unless `value`, which outlives the result, is an object.
  static absl::StatusOr<JsonFields> Of(std::string owner,
                                       const nlohmann::json& value);

  // REQUIRES: `object` is one and outlives this.
  JsonFields(std::string owner, const nlohmann::json& object)
      : owner_(std::move(owner)), object_(&object) {}

  bool Has(const char* name) const { return object_->contains(name); }

  absl::StatusOr<std::optional<bool>> Bool(const char* name) const;
  absl::StatusOr<std::optional<std::uint64_t>> Count(const char* name) const;
  absl::StatusOr<std::optional<std::string>> String(const char* name) const;
  // Null for an absent one.
  absl::StatusOr<const nlohmann::json*> Array(const char* name) const;
  // Without members for an absent one.
  absl::StatusOr<JsonFields> Object(const char* name) const;

  // Adds every member but those named: a string, a number, true or false.
  absl::Status ToParameters(std::initializer_list<absl::string_view> but,
                            Parameters& parameters) const;

  const nlohmann::json& object() const { return *object_; }

 private:
  const nlohmann::json* Find(const char* name) const;
  absl::Status Refuse(absl::string_view name, absl::string_view allowed) const;

  std::string owner_;
  const nlohmann::json* object_;
};

}  // namespace attention::oip

#endif  // SERVER_REST_JSON_FIELDS_H_
