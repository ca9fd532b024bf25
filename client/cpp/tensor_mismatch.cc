// Whether the bytes of a tensor are as many as its shape says.
#include "client/cpp/tensor_mismatch.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace attention {

std::string TensorMismatch(ElementType dtype,
                           std::span<const std::int64_t> shape,
                           std::size_t bytes) {
  std::uint64_t expected = ElementSize(dtype);
  for (const std::int64_t dim : shape) {
    if (dim < 0 ||
        (dim > 0 && expected > std::numeric_limits<std::int64_t>::max() /
                                   static_cast<std::uint64_t>(dim))) {
      return absl::StrCat("shape [", absl::StrJoin(shape, ", "),
                          "] is negative or too large");
    }
    expected *= static_cast<std::uint64_t>(dim);
  }
  if (expected == bytes) {
    return "";
  }
  return absl::StrCat("shape [", absl::StrJoin(shape, ", "), "] of ",
                      ElementName(dtype), " takes ", expected, " bytes, got ",
                      bytes);
}

}  // namespace attention
