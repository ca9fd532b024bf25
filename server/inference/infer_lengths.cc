#include "server/inference/infer_lengths.h"

#include <cstddef>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/request/check_tensor.h"

namespace attention::oip {
namespace {

absl::Status CheckCount(const std::string& name, std::int64_t count) {
  if (count <= kMaxLengths) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": more than ", kMaxLengths, " lengths; send several requests"));
}

// The elements may lie in pieces, at any address.
template <typename T>
std::vector<std::int64_t> Elements(const InputTensor& tensor) {
  std::vector<T> elements(static_cast<std::size_t>(tensor.bytes) / sizeof(T));
  auto* const to = reinterpret_cast<std::byte*>(elements.data());
  if (tensor.view.fragments != nullptr) {
    tensor.view.fragments->Copy(0, tensor.bytes, to);
  } else if (!elements.empty()) {
    std::memcpy(to, tensor.view.data, static_cast<std::size_t>(tensor.bytes));
  }
  return {elements.begin(), elements.end()};
}

absl::StatusOr<std::vector<std::int64_t>> FromTensor(
    const std::string& name, const InputTensor& tensor) {
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view,
                             CheckTensor(name, tensor, 1, 1));
  ATTENTION_RETURN_IF_ERROR(CheckCount(name, view.shape[0]));
  return view.dtype == DType::kI32 ? Elements<std::int32_t>(tensor)
                                   : Elements<std::int64_t>(tensor);
}

absl::StatusOr<std::vector<std::int64_t>> FromText(
    const std::string& name, absl::string_view text,
    const ParameterReader& parameters) {
  std::vector<std::int64_t> lengths;
  for (const absl::string_view number : absl::StrSplit(text, ',')) {
    std::int64_t& length = lengths.emplace_back(0);
    if (!absl::SimpleAtoi(number, &length)) {
      return parameters.Refuse(name, Quote(text), "whole numbers: \"3,5,2\"");
    }
    ATTENTION_RETURN_IF_ERROR(
        CheckCount(name, static_cast<std::int64_t>(lengths.size())));
  }
  return lengths;
}

}  // namespace

absl::StatusOr<std::vector<std::int64_t>> ReadLengths(
    const std::string& name, const std::optional<InputTensor>& tensor,
    const ParameterReader& parameters) {
  ATTENTION_ASSIGN_OR_RETURN(const auto text, parameters.String(name));
  if (text.has_value() && tensor.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": given as an input and as a parameter; send one of them"));
  }
  if (tensor.has_value()) return FromTensor(name, *tensor);
  if (text.has_value()) return FromText(name, *text, parameters);
  return std::vector<std::int64_t>{};
}

}  // namespace attention::oip
