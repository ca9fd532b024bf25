#include "server/inference/infer_tensors.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/inference/datatype.h"

namespace attention::oip {
namespace {

using ::inference::InferTensorContents;
using WireInput = ::inference::ModelInferRequest_InferInputTensor;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::StatusOr<InputName> ReadName(const std::string& name) {
  for (std::size_t i = 0; i < kInputNames.size(); ++i) {
    if (kInputNames[i] == name) return static_cast<InputName>(i);
  }
  return Invalid("inputs: there is no ", Quote(name), ", allowed are ",
                 absl::StrJoin(kInputNames, ", "));
}

std::vector<DType> AllowedDTypes(InputName name) {
  switch (name) {
    case InputName::kAttnMask:
      return {DType::kBool, DType::kF32, DType::kF16, DType::kBF16};
    case InputName::kQLengths:
    case InputName::kKvLengths:
      return {DType::kI64, DType::kI32};
    default:
      return {DType::kF32, DType::kF16, DType::kBF16};
  }
}

absl::StatusOr<DType> ReadDType(InputName name, const WireInput& input) {
  const std::vector<DType> allowed = AllowedDTypes(name);
  const std::optional<DType> dtype = ParseDatatype(input.datatype());
  for (const DType candidate : allowed) {
    if (dtype == candidate) return candidate;
  }
  return Invalid(input.name(), ": datatype is ", Quote(input.datatype()),
                 ", allowed are ",
                 absl::StrJoin(allowed, ", ", [](std::string* to, DType type) {
                   absl::StrAppend(to, DatatypeName(type));
                 }));
}

template <typename T>
void PointTo(const google::protobuf::RepeatedField<T>& elements,
             InputTensor& tensor) {
  tensor.view.data = reinterpret_cast<const std::byte*>(elements.data());
  tensor.bytes =
      static_cast<std::int64_t>(sizeof(T)) * std::int64_t{elements.size()};
}

// The name of a field that has elements, other than `allowed`; empty when none
// has.
absl::string_view OtherContents(const InferTensorContents& contents,
                                absl::string_view allowed) {
  const std::array<std::pair<absl::string_view, int>, 8> fields = {
      {{"bool_contents", contents.bool_contents_size()},
       {"int_contents", contents.int_contents_size()},
       {"int64_contents", contents.int64_contents_size()},
       {"uint_contents", contents.uint_contents_size()},
       {"uint64_contents", contents.uint64_contents_size()},
       {"fp32_contents", contents.fp32_contents_size()},
       {"fp64_contents", contents.fp64_contents_size()},
       {"bytes_contents", contents.bytes_contents_size()}}};
  for (const auto& [name, size] : fields) {
    if (size > 0 && name != allowed) return name;
  }
  return "";
}

absl::Status SetContents(const WireInput& input, InputTensor& tensor) {
  const InferTensorContents& contents = input.contents();
  absl::string_view field;
  switch (tensor.view.dtype) {
    case DType::kF32:
      field = "fp32_contents";
      PointTo(contents.fp32_contents(), tensor);
      break;
    case DType::kBool:
      field = "bool_contents";
      PointTo(contents.bool_contents(), tensor);
      break;
    case DType::kI64:
      field = "int64_contents";
      PointTo(contents.int64_contents(), tensor);
      break;
    case DType::kI32:
      field = "int_contents";
      PointTo(contents.int_contents(), tensor);
      break;
    default:
      return Invalid(input.name(), ": ", input.datatype(),
                     " has no typed contents, send it in raw_input_contents");
  }
  const absl::string_view other = OtherContents(contents, field);
  if (other.empty()) return absl::OkStatus();
  return Invalid(input.name(), ": contents have ", other, ", ",
                 input.datatype(), " takes ", field);
}

void SetRaw(const RawContents& raw, InputTensor& tensor) {
  tensor.view.data = raw.data;
  tensor.view.fragments = raw.fragments.get();
  tensor.bytes = raw.bytes;
}

absl::Status CheckOnePlace(const WireInput& input, absl::string_view other) {
  if (!input.has_contents()) return absl::OkStatus();
  return Invalid(input.name(),
                 ": contents field must not be specified when using ", other);
}

// Reads the inputs one after another.
class TensorsReader {
 public:
  TensorsReader(const InferMessage& message, const ClientRegions& regions)
      : message_(message), regions_(regions) {}

  absl::StatusOr<InferTensors> Read() {
    for (const WireInput& input : message_.header.inputs()) {
      ATTENTION_RETURN_IF_ERROR(ReadInput(input));
    }
    if (next_raw_ < message_.raw.size()) {
      return Invalid("raw_input_contents: ", message_.raw.size(),
                     " entries, the inputs take ", next_raw_,
                     "; send one for each that is not in shared memory");
    }
    return std::move(tensors_);
  }

 private:
  absl::Status ReadInput(const WireInput& input) {
    ATTENTION_ASSIGN_OR_RETURN(const InputName name, ReadName(input.name()));
    if (tensors_[name].has_value()) {
      return Invalid("inputs: ", input.name(), " is given twice");
    }
    InputTensor& tensor = tensors_[name].emplace();
    ATTENTION_ASSIGN_OR_RETURN(tensor.view.dtype, ReadDType(name, input));
    tensor.view.shape = Shape(
        std::vector<std::int64_t>(input.shape().begin(), input.shape().end()));
    ATTENTION_ASSIGN_OR_RETURN(
        const std::optional<RegionUse> use,
        ReadRegionUse(ParameterReader(input.name(), input.parameters()),
                      regions_));
    if (use.has_value()) {
      tensor.view.data = use->bytes.data.get();
      tensor.bytes = use->bytes.bytes;
      tensors_.placed.push_back({.name = input.name(), .place = *use});
      return CheckOnePlace(input, "shared memory");
    }
    if (message_.raw.empty()) return SetContents(input, tensor);
    if (next_raw_ == message_.raw.size()) {
      return Invalid(input.name(), ": no entry of raw_input_contents is left, ",
                     "there are ", message_.raw.size(),
                     "; send one for each input that is not in shared memory");
    }
    SetRaw(message_.raw[next_raw_++], tensor);
    return CheckOnePlace(input, "raw_input_contents");
  }

  const InferMessage& message_;
  const ClientRegions& regions_;
  InferTensors tensors_;
  // The entry of the next input that needs one.
  std::size_t next_raw_ = 0;
};

}  // namespace

absl::StatusOr<std::optional<RegionUse>> ReadRegionUse(
    const ParameterReader& parameters, const ClientRegions& regions) {
  ATTENTION_ASSIGN_OR_RETURN(const auto region,
                             parameters.String("shared_memory_region"));
  if (!region.has_value()) return std::nullopt;
  ATTENTION_ASSIGN_OR_RETURN(const auto byte_size,
                             parameters.Count("shared_memory_byte_size"));
  if (!byte_size.has_value()) {
    return parameters.Refuse("shared_memory_byte_size", "absent",
                             "the bytes of the tensor");
  }
  ATTENTION_ASSIGN_OR_RETURN(const auto offset,
                             parameters.Count("shared_memory_offset"));
  RegionUse use = {.region = std::string(*region),
                   .offset = offset.value_or(0)};
  ATTENTION_ASSIGN_OR_RETURN(use.bytes,
                             regions.Find(use.region, use.offset, *byte_size));
  return use;
}

absl::StatusOr<InferTensors> ReadTensors(const InferMessage& message,
                                         const ClientRegions& regions) {
  return TensorsReader(message, regions).Read();
}

}  // namespace attention::oip
