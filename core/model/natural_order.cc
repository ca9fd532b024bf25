#include "core/model/natural_order.h"

#include <cstddef>

#include "absl/strings/ascii.h"

namespace attention {
namespace {

// Takes the digits at the start of `text`.
absl::string_view TakeDigits(absl::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && absl::ascii_isdigit(text[length])) ++length;
  const absl::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

absl::string_view WithoutLeadingZeros(absl::string_view digits) {
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

// Negative, zero or positive as `a` is less than, equal to or more than `b`.
int CompareNumbers(absl::string_view a, absl::string_view b) {
  a = WithoutLeadingZeros(a);
  b = WithoutLeadingZeros(b);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

}  // namespace

bool NaturalLess(absl::string_view a, absl::string_view b) {
  absl::string_view rest_a = a;
  absl::string_view rest_b = b;
  while (!rest_a.empty() && !rest_b.empty()) {
    if (absl::ascii_isdigit(rest_a.front()) &&
        absl::ascii_isdigit(rest_b.front())) {
      const int order = CompareNumbers(TakeDigits(rest_a), TakeDigits(rest_b));
      if (order != 0) return order < 0;
    } else if (rest_a.front() != rest_b.front()) {
      return static_cast<unsigned char>(rest_a.front()) <
             static_cast<unsigned char>(rest_b.front());
    } else {
      rest_a.remove_prefix(1);
      rest_b.remove_prefix(1);
    }
  }
  if (rest_a.empty() != rest_b.empty()) return rest_a.empty();
  // Equal but for leading zeros.
  return a < b;
}

}  // namespace attention
