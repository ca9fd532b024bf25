#include "server/typed/convert_tensor.h"

#include <bit>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are little-endian on the wire and are used in place");

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

absl::StatusOr<InputTensor> ReadTensor(absl::string_view field,
                                       const v1::Tensor& tensor,
                                       AllowedDTypes allowed) {
  InputTensor read;
  ATTENTION_ASSIGN_OR_RETURN(
      read.view.dtype, ConvertDType(absl::StrCat(field, ": dtype"),
                                    tensor.dtype(), DType::kF32, allowed));
  read.view.shape = Shape(
      std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end()));
  read.view.data = reinterpret_cast<const std::byte*>(tensor.data().data());
  read.bytes = static_cast<std::int64_t>(tensor.data().size());
  return read;
}

}  // namespace attention
