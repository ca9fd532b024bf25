#include "core/base/quote.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace attention {
namespace {

constexpr std::size_t kMaxBytesShown = 128;

}  // namespace

std::string Quote(absl::string_view text) {
  const absl::string_view start = text.substr(0, kMaxBytesShown);
  return absl::StrCat("\"", absl::CHexEscape(start),
                      start.size() < text.size() ? "..." : "", "\"");
}

}  // namespace attention
