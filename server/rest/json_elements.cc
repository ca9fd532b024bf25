#include "server/rest/json_elements.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "server/inference/datatype.h"

namespace attention::oip {
namespace {

// Whole numbers up to here are exact, and what rounds to one of them is beyond.
constexpr double kMaxExact = 9007199254740991;

// Half of a float's last bit beyond the largest float: what is less rounds to
// that one, whose shortest text is a bit more than it.
constexpr double kBeyondFloat = 0x1.ffffffp127;

// Writes each element as `convert` has it, which gives nothing for one that a T
// cannot be.
template <typename T, typename Convert>
absl::StatusOr<std::vector<std::byte>> Encode(absl::string_view input,
                                              absl::string_view datatype,
                                              const JsonElements& elements,
                                              Convert convert) {
  std::vector<std::byte> bytes(elements.values.size() * sizeof(T));
  std::byte* to = bytes.data();
  for (const double value : elements.values) {
    const std::optional<T> element = convert(value);
    if (!element.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(input, ": element ", value, " is no ", datatype));
    }
    std::memcpy(to, &*element, sizeof(T));
    to += sizeof(T);
  }
  return bytes;
}

// Whole numbers of at most `max` either way.
template <typename T>
std::optional<T> ToWhole(double value, double max) {
  if (!(std::abs(value) <= max) || std::trunc(value) != value) {
    return std::nullopt;
  }
  return static_cast<T>(value);
}

std::optional<float> ToFloat(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  if (std::isfinite(value) && std::abs(value) > kMax) {
    if (std::abs(value) >= kBeyondFloat) return std::nullopt;
    return static_cast<float>(std::copysign(kMax, value));
  }
  return static_cast<float>(value);
}

void AppendFloat(float value, std::string& to) {
  if (std::isnan(value)) {
    to += "NaN";
    return;
  }
  if (std::isinf(value)) {
    to += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  char text[kMaxElementCharacters];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  const absl::string_view digits(text,
                                 static_cast<std::size_t>(result.ptr - text));
  to.append(digits.data(), digits.size());
  // Clients tell by it that this is a tensor of floating-point numbers.
  if (digits.find_first_of(".e") == absl::string_view::npos) to += ".0";
}

}  // namespace

absl::StatusOr<std::vector<std::byte>> EncodeElements(
    absl::string_view input, absl::string_view datatype,
    const JsonElements& elements) {
  const std::optional<DType> dtype = ParseDatatype(datatype);
  if (!dtype.has_value() || *dtype == DType::kF16 || *dtype == DType::kBF16) {
    return absl::InvalidArgumentError(absl::StrCat(
        input, ": receiving ", Quote(datatype),
        " data via JSON is not supported. Please use the binary data format, "
        "or one of FP32, INT64, INT32, BOOL"));
  }
  if (*dtype == DType::kBool ? elements.has_numbers : elements.has_booleans) {
    return absl::InvalidArgumentError(
        absl::StrCat(input, ": datatype is ", datatype, ", its elements are ",
                     *dtype == DType::kBool ? "numbers, not true and false"
                                            : "true and false, not numbers"));
  }
  switch (*dtype) {
    case DType::kBool:
      return Encode<bool>(input, datatype, elements, [](double value) {
        return std::optional(value != 0);
      });
    case DType::kI32:
      return Encode<std::int32_t>(input, datatype, elements, [](double value) {
        return ToWhole<std::int32_t>(value,
                                     std::numeric_limits<std::int32_t>::max());
      });
    case DType::kI64:
      return Encode<std::int64_t>(input, datatype, elements, [](double value) {
        return ToWhole<std::int64_t>(value, kMaxExact);
      });
    default:
      return Encode<float>(input, datatype, elements, ToFloat);
  }
}

absl::Status AppendElements(absl::string_view output, DType dtype,
                            const std::byte* data, std::int64_t count,
                            std::string& to) {
  if (dtype != DType::kF32) {
    return absl::InvalidArgumentError(absl::StrCat(
        output, ": sending ", DatatypeName(dtype),
        " data via JSON is not supported. Please use the binary data format "
        "for output, or ask for output_dtype FP32"));
  }
  to += '[';
  for (std::int64_t i = 0; i < count; ++i) {
    float element = 0;
    std::memcpy(&element, data + i * std::int64_t{sizeof(float)},
                sizeof(float));
    if (i > 0) to += ',';
    AppendFloat(element, to);
  }
  to += ']';
  return absl::OkStatus();
}

}  // namespace attention::oip
