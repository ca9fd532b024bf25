#include "core/tensor/shape.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace attention {

absl::StatusOr<std::int64_t> Shape::ElementCount() const {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t dim : dims_) {
    if (dim < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ToString(), " has a negative dimension"));
    }
    // Zeros are left out of the product, so that every part of a shape that
    // passes fits too.
    if (dim == 0) {
      empty = true;
    } else if (count > std::numeric_limits<std::int64_t>::max() / dim) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", ToString(), " has more than 2^63 - 1 elements"));
    } else {
      count *= dim;
    }
  }
  return empty ? 0 : count;
}

std::string Shape::ToString() const {
  return absl::StrCat("[", absl::StrJoin(dims_, ", "), "]");
}

}  // namespace attention
