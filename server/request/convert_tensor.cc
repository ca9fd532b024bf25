#include "server/request/convert_tensor.h"

#include <bit>
#include <limits>
#include <string>
#include <utility>
#include <vector>

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

absl::string_view NamesOf(AllowedDTypes allowed) {
  switch (allowed) {
    case AllowedDTypes::kFloating:
      return "DTYPE_F32, DTYPE_F16, DTYPE_BF16";
    case AllowedDTypes::kFloatingOrBool:
      return "DTYPE_F32, DTYPE_F16, DTYPE_BF16 and DTYPE_BOOL";
    case AllowedDTypes::kCompute:
      return "DTYPE_F32, DTYPE_BF16";
  }
  return "";
}

}  // namespace

absl::StatusOr<DType> ConvertDType(absl::string_view field, v1::DType dtype,
                                   DType unspecified, AllowedDTypes allowed) {
  switch (dtype) {
    case v1::DTYPE_UNSPECIFIED:
      return unspecified;
    case v1::DTYPE_F32:
      return DType::kF32;
    case v1::DTYPE_F16:
      if (allowed != AllowedDTypes::kCompute) return DType::kF16;
      break;
    case v1::DTYPE_BF16:
      return DType::kBF16;
    case v1::DTYPE_BOOL:
      if (allowed == AllowedDTypes::kFloatingOrBool) return DType::kBool;
      break;
    default:
      break;
  }
  const std::string name = v1::DType_IsValid(dtype)
                               ? v1::DType_Name(dtype)
                               : absl::StrCat(static_cast<int>(dtype));
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", name, ", allowed are ", NamesOf(allowed)));
}

v1::DType ToProtoDType(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return v1::DTYPE_F32;
    case DType::kF16:
      return v1::DTYPE_F16;
    case DType::kBF16:
      return v1::DTYPE_BF16;
    case DType::kBool:
      return v1::DTYPE_BOOL;
    default:
      return v1::DTYPE_UNSPECIFIED;
  }
}

absl::StatusOr<TensorView> ConvertTensor(absl::string_view field,
                                         const v1::Tensor& tensor, int min_rank,
                                         int max_rank, AllowedDTypes allowed) {
  // The rank first: what follows prints the shape.
  ATTENTION_RETURN_IF_ERROR(
      CheckRank(field, tensor.shape_size(), min_rank, max_rank));
  TensorView view;
  ATTENTION_ASSIGN_OR_RETURN(
      view.dtype, ConvertDType(absl::StrCat(field, ": dtype"), tensor.dtype(),
                               DType::kF32, allowed));
  view.shape = Shape(
      std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end()));
  const absl::StatusOr<std::int64_t> count = view.shape.ElementCount();
  if (!count.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", count.status().message()));
  }
  const std::int64_t size = static_cast<std::int64_t>(DTypeSize(view.dtype));
  if (*count > std::numeric_limits<std::int64_t>::max() / size ||
      *count * size != static_cast<std::int64_t>(tensor.data().size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": data has ", tensor.data().size(),
                     " bytes, shape ", view.shape.ToString(), " of ",
                     DTypeName(view.dtype), " takes ", *count, " x ", size));
  }
  view.data = reinterpret_cast<const std::byte*>(tensor.data().data());
  return view;
}

}  // namespace attention
