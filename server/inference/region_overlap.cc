#include "server/inference/region_overlap.h"

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"

namespace attention::oip {
namespace {

// By address: a name may be another region by the time it is looked up again.
bool HaveBytesInCommon(const SharedBytes& a, const SharedBytes& b) {
  if (a.bytes == 0 || b.bytes == 0) return false;
  const std::less<const std::byte*> before;
  return before(a.data.get(), b.data.get() + b.bytes) &&
         before(b.data.get(), a.data.get() + a.bytes);
}

std::string BytesOf(const RegionUse& place) {
  return absl::StrCat(
      "[", place.offset, ", ",
      place.offset + static_cast<std::uint64_t>(place.bytes.bytes), ")");
}

absl::Status CheckPair(const std::string& output, const RegionUse& place,
                       const std::string& other, const RegionUse& other_place) {
  if (!HaveBytesInCommon(place.bytes, other_place.bytes)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      output, ": takes bytes ", BytesOf(place), " of shared memory region ",
      Quote(place.region), ", where ", other, " has ", BytesOf(other_place),
      "; give the output bytes of its own"));
}

}  // namespace

absl::Status CheckNoOverlap(const std::vector<PlacedTensor>& inputs,
                            const std::vector<InferOutput>& outputs) {
  std::vector<PlacedTensor> taken = inputs;
  for (const InferOutput& output : outputs) {
    if (!output.place.has_value()) continue;
    for (const PlacedTensor& other : taken) {
      ATTENTION_RETURN_IF_ERROR(
          CheckPair(output.name(), *output.place, other.name, other.place));
    }
    taken.push_back({.name = output.name(), .place = *output.place});
  }
  return absl::OkStatus();
}

}  // namespace attention::oip
