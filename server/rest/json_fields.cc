#include "server/rest/json_fields.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"

namespace attention::oip {
namespace {

using nlohmann::json;

// False for null, an array and an object.
bool SetParameter(const json& value, ::inference::InferParameter& parameter) {
  switch (value.type()) {
    case json::value_t::string:
      parameter.set_string_param(value.get<std::string>());
      return true;
    case json::value_t::boolean:
      parameter.set_bool_param(value.get<bool>());
      return true;
    case json::value_t::number_integer:
      parameter.set_int64_param(value.get<std::int64_t>());
      return true;
    case json::value_t::number_unsigned: {
      const auto number = value.get<std::uint64_t>();
      if (number > static_cast<std::uint64_t>(
                       std::numeric_limits<std::int64_t>::max())) {
        parameter.set_uint64_param(number);
      } else {
        parameter.set_int64_param(static_cast<std::int64_t>(number));
      }
      return true;
    }
    case json::value_t::number_float:
      parameter.set_double_param(value.get<double>());
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<JsonFields> JsonFields::Of(std::string owner,
                                          const json& value) {
  if (!value.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(owner, ": must be a JSON object"));
  }
  return JsonFields(std::move(owner), value);
}

absl::StatusOr<std::optional<bool>> JsonFields::Bool(const char* name) const {
  const json* const value = Find(name);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_boolean()) return Refuse(name, "true or false");
  return value->get<bool>();
}

absl::StatusOr<std::optional<std::uint64_t>> JsonFields::Count(
    const char* name) const {
  const json* const value = Find(name);
  if (value == nullptr) return std::optional<std::uint64_t>();
  if (!value->is_number_unsigned()) {
    return Refuse(name, "a whole number from 0");
  }
  return value->get<std::uint64_t>();
}

absl::StatusOr<std::optional<std::string>> JsonFields::String(
    const char* name) const {
  const json* const value = Find(name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return Refuse(name, "a string");
  return value->get<std::string>();
}

absl::StatusOr<const json*> JsonFields::Array(const char* name) const {
  const json* const value = Find(name);
  if (value != nullptr && !value->is_array()) return Refuse(name, "an array");
  return value;
}

absl::StatusOr<JsonFields> JsonFields::Object(const char* name) const {
  static const json none = json::object();
  const json* const value = Find(name);
  if (value != nullptr && !value->is_object()) {
    return Refuse(name, "an object");
  }
  return JsonFields(owner_, value == nullptr ? none : *value);
}

absl::Status JsonFields::ToParameters(
    std::initializer_list<absl::string_view> but,
    Parameters& parameters) const {
  for (const auto& [name, value] : object_->items()) {
    if (std::find(but.begin(), but.end(), name) != but.end()) continue;
    if (!SetParameter(value, parameters[name])) {
      return absl::InvalidArgumentError(
          absl::StrCat(owner_, ": parameter ", Quote(name),
                       " has invalid type. It should be a string, a number, "
                       "true or false"));
    }
  }
  return absl::OkStatus();
}

const json* JsonFields::Find(const char* name) const {
  const auto found = object_->find(name);
  return found == object_->end() ? nullptr : &*found;
}

absl::Status JsonFields::Refuse(absl::string_view name,
                                absl::string_view allowed) const {
  return absl::InvalidArgumentError(absl::StrCat(
      owner_, ": Unable to parse '", name, "', it must be ", allowed));
}

}  // namespace attention::oip
