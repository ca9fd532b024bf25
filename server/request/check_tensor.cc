#include "server/request/check_tensor.h"

#include <bit>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are little-endian on the wire and are used in place");

absl::Status CheckRank(absl::string_view field, int rank, int min_rank,
                       int max_rank) {
  if (rank >= min_rank && rank <= max_rank) return absl::OkStatus();
  std::string allowed = absl::StrCat(min_rank);
  if (max_rank == min_rank + 1) absl::StrAppend(&allowed, " or ", max_rank);
  if (max_rank > min_rank + 1) absl::StrAppend(&allowed, " to ", max_rank);
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": shape has ", rank, " dimensions, allowed are ", allowed));
}

}  // namespace

absl::StatusOr<TensorView> CheckTensor(absl::string_view field,
                                       const InputTensor& tensor, int min_rank,
                                       int max_rank) {
  const TensorView& view = tensor.view;
  // The rank first: what follows prints the shape.
  ATTENTION_RETURN_IF_ERROR(
      CheckRank(field, view.shape.rank(), min_rank, max_rank));
  const absl::StatusOr<std::int64_t> count = view.shape.ElementCount();
  if (!count.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", count.status().message()));
  }
  const auto size = static_cast<std::int64_t>(DTypeSize(view.dtype));
  if (*count > std::numeric_limits<std::int64_t>::max() / size ||
      *count * size != tensor.bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": data has ", tensor.bytes, " bytes, shape ",
                     view.shape.ToString(), " of ", DTypeName(view.dtype),
                     " takes ", *count, " x ", size));
  }
  return view;
}

}  // namespace attention
