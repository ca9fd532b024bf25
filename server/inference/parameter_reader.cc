#include "server/inference/parameter_reader.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/quote.h"

namespace attention::oip {
namespace {

using ::inference::InferParameter;

absl::string_view TypeOf(const InferParameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kBoolParam:
      return "a bool";
    case InferParameter::kInt64Param:
      return "an int64";
    case InferParameter::kStringParam:
      return "a string";
    case InferParameter::kDoubleParam:
      return "a double";
    case InferParameter::kUint64Param:
      return "a uint64";
    case InferParameter::PARAMETER_CHOICE_NOT_SET:
      break;
  }
  return "without a value";
}

}  // namespace

absl::StatusOr<std::optional<bool>> ParameterReader::Bool(
    const std::string& name) const {
  const InferParameter* const found = Find(name);
  if (found == nullptr) return std::nullopt;
  if (!found->has_bool_param()) return RefuseType(name, *found, "a bool");
  return found->bool_param();
}

absl::StatusOr<std::optional<double>> ParameterReader::Double(
    const std::string& name) const {
  const InferParameter* const found = Find(name);
  if (found == nullptr) return std::nullopt;
  switch (found->parameter_choice_case()) {
    case InferParameter::kDoubleParam:
      return found->double_param();
    case InferParameter::kInt64Param:
      return static_cast<double>(found->int64_param());
    case InferParameter::kUint64Param:
      return static_cast<double>(found->uint64_param());
    case InferParameter::kStringParam: {
      // KServe's clients send no other fractions.
      double number = 0;
      if (absl::SimpleAtod(found->string_param(), &number)) return number;
      return Refuse(name, Quote(found->string_param()), "a number");
    }
    default:
      return RefuseType(name, *found, "a number");
  }
}

absl::StatusOr<std::optional<std::uint64_t>> ParameterReader::Count(
    const std::string& name) const {
  const InferParameter* const found = Find(name);
  if (found == nullptr) return std::nullopt;
  if (found->has_uint64_param()) return found->uint64_param();
  if (!found->has_int64_param()) {
    return RefuseType(name, *found, "an int64 or a uint64");
  }
  if (found->int64_param() < 0) {
    return Refuse(name, absl::StrCat(found->int64_param()), "0 or more");
  }
  return static_cast<std::uint64_t>(found->int64_param());
}

absl::StatusOr<std::optional<absl::string_view>> ParameterReader::String(
    const std::string& name) const {
  const InferParameter* const found = Find(name);
  if (found == nullptr) return std::nullopt;
  if (!found->has_string_param()) return RefuseType(name, *found, "a string");
  return found->string_param();
}

absl::Status ParameterReader::Refuse(absl::string_view name,
                                     absl::string_view value,
                                     absl::string_view allowed) const {
  return absl::InvalidArgumentError(absl::StrCat(
      owner_, ": parameter ", name, " is ", value, ", it takes ", allowed));
}

const InferParameter* ParameterReader::Find(const std::string& name) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? nullptr : &found->second;
}

absl::Status ParameterReader::RefuseType(absl::string_view name,
                                         const InferParameter& parameter,
                                         absl::string_view allowed) const {
  return Refuse(name, TypeOf(parameter), allowed);
}

}  // namespace attention::oip
