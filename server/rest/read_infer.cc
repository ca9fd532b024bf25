#include "server/rest/read_infer.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/inference/infer_tensors.h"
#include "server/rest/json_body.h"
#include "server/rest/json_elements.h"
#include "server/rest/json_fields.h"

namespace attention::oip {
namespace {

using nlohmann::json;
using WireInput = ::inference::ModelInferRequest_InferInputTensor;

constexpr char kBinaryDataSize[] = "binary_data_size";
constexpr char kSharedMemoryRegion[] = "shared_memory_region";

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// For messages: what it may be as it is, all else in quotation marks.
std::string TensorName(const std::string& name) {
  const bool is_known = name == "contexts" || name == "attn_weights" ||
                        std::find(kInputNames.begin(), kInputNames.end(),
                                  name) != kInputNames.end();
  return is_known ? name : Quote(name);
}

// Room for what parsing takes.
absl::StatusOr<std::shared_ptr<const MemoryBudget::Reservation>> ReserveParsed(
    std::size_t json_bytes, MemoryBudget& budget) {
  ATTENTION_RETURN_IF_ERROR(CheckJsonSize(json_bytes));
  const auto bytes = static_cast<std::int64_t>(json_bytes * kMemoryPerJsonByte);
  if (bytes > budget.limit_bytes()) {
    return Invalid("body: JSON of ", json_bytes, " bytes takes ", bytes,
                   " bytes of memory, all requests together may have ",
                   budget.limit_bytes(),
                   " (--max-inflight-bytes); send tensors as binary data");
  }
  return budget.Reserve(bytes);
}

// What `raw` points into.
struct HeldBody {
  std::shared_ptr<const http::Request> request{};
  // Elements that were in JSON.
  std::deque<std::vector<std::byte>> converted{};
};

// Reads a body front to back.
class InferBodyReader {
 public:
  InferBodyReader(std::shared_ptr<const http::Request> request,
                  const Route& route)
      : held_(std::make_shared<HeldBody>()) {
    held_->request = std::move(request);
    body_.message.header.set_model_name(route.name);
    body_.message.header.set_model_version(route.version);
  }

  absl::StatusOr<InferBody> Read(MemoryBudget& budget) {
    ATTENTION_ASSIGN_OR_RETURN(const std::size_t json_bytes,
                               JsonBytes(*held_->request));
    // Until the message counts what has become of it.
    ATTENTION_ASSIGN_OR_RETURN(const auto reservation,
                               ReserveParsed(json_bytes, budget));
    const http::Request& request = *held_->request;
    ATTENTION_ASSIGN_OR_RETURN(
        json_, ParseInferJson(absl::string_view(
                   reinterpret_cast<const char*>(request.body), json_bytes)));
    next_ = json_bytes;
    ATTENTION_RETURN_IF_ERROR(ReadTop());
    ATTENTION_RETURN_IF_ERROR(ReadInputs());
    ATTENTION_RETURN_IF_ERROR(ReadOutputs());
    if (next_ != request.body_size) {
      return Invalid("body: unexpected additional input data, ",
                     request.body_size - next_,
                     " bytes behind those of binary_data_size");
    }
    body_.message.bytes += static_cast<std::int64_t>(request.body_size);
    body_.message.memory = held_;
    return std::move(body_);
  }

 private:
  absl::Status ReadTop() {
    ::inference::ModelInferRequest& header = body_.message.header;
    const JsonFields fields("body", json_.object);
    ATTENTION_ASSIGN_OR_RETURN(const auto id, fields.String("id"));
    header.set_id(id.value_or(""));
    ATTENTION_ASSIGN_OR_RETURN(const JsonFields parameters,
                               fields.Object("parameters"));
    ATTENTION_ASSIGN_OR_RETURN(const auto all_binary,
                               parameters.Bool("binary_data_output"));
    body_.forms.all_binary = all_binary.value_or(false);
    return parameters.ToParameters({"binary_data_output"},
                                   *header.mutable_parameters());
  }

  absl::Status ReadInputs() {
    const JsonFields fields("body", json_.object);
    ATTENTION_ASSIGN_OR_RETURN(const json* inputs, fields.Array("inputs"));
    if (inputs == nullptr) {
      return Invalid("body: Unable to parse 'inputs', there are none");
    }
    for (const json& input : *inputs) {
      ATTENTION_RETURN_IF_ERROR(
          ReadInput(input, *body_.message.header.add_inputs()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadInput(const json& json_input, WireInput& input) {
    ATTENTION_ASSIGN_OR_RETURN(const JsonFields fields,
                               JsonFields::Of("inputs", json_input));
    ATTENTION_ASSIGN_OR_RETURN(const auto name, fields.String("name"));
    if (!name.has_value()) return Invalid("inputs: one has no 'name'");
    input.set_name(*name);
    const std::string owner = TensorName(*name);
    const JsonFields named(owner, json_input);
    ATTENTION_ASSIGN_OR_RETURN(const auto datatype, named.String("datatype"));
    if (!datatype.has_value()) return Invalid(owner, ": has no 'datatype'");
    input.set_datatype(*datatype);
    ATTENTION_RETURN_IF_ERROR(ReadShape(named, owner, input));
    ATTENTION_ASSIGN_OR_RETURN(const JsonFields parameters,
                               named.Object("parameters"));
    ATTENTION_RETURN_IF_ERROR(parameters.ToParameters(
        {kBinaryDataSize}, *input.mutable_parameters()));
    return ReadElements(named, parameters, owner, input);
  }

  static absl::Status ReadShape(const JsonFields& fields,
                                const std::string& owner, WireInput& input) {
    ATTENTION_ASSIGN_OR_RETURN(const json* shape, fields.Array("shape"));
    if (shape == nullptr) return Invalid(owner, ": has no 'shape'");
    for (const json& dim : *shape) {
      constexpr auto kMax =
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (!dim.is_number_unsigned() || dim.get<std::uint64_t>() > kMax) {
        return Invalid(owner,
                       ": Unable to parse 'shape', allowed are whole numbers "
                       "from 0");
      }
      input.add_shape(dim.get<std::int64_t>());
    }
    return absl::OkStatus();
  }

  // The elements are in exactly one place.
  absl::Status ReadElements(const JsonFields& fields,
                            const JsonFields& parameters,
                            const std::string& owner, const WireInput& input) {
    const bool in_json = fields.Has("data");
    const bool in_body = parameters.Has(kBinaryDataSize);
    const bool in_region = parameters.Has(kSharedMemoryRegion);
    if (int{in_json} + int{in_body} + int{in_region} != 1) {
      std::vector<absl::string_view> set;
      if (in_json) set.emplace_back("'data'");
      if (in_body) set.emplace_back("'binary_data_size'");
      if (in_region) set.emplace_back("'shared_memory_region'");
      return Invalid(
          owner,
          ": Input must set only one of 'data', and 'binary_data_size' or "
          "'shared_memory_region' in 'parameters'; it sets ",
          set.empty() ? "none" : absl::StrJoin(set, " and "));
    }
    if (in_region) return absl::OkStatus();
    if (in_body) return TakeBinary(parameters, owner);
    return Convert(fields.object()["data"].get<std::size_t>(), owner, input);
  }

  absl::Status TakeBinary(const JsonFields& parameters,
                          const std::string& owner) {
    const http::Request& request = *held_->request;
    ATTENTION_ASSIGN_OR_RETURN(const auto size,
                               parameters.Count(kBinaryDataSize));
    const std::size_t left = request.body_size - next_;
    if (*size > left) {
      return Invalid(owner, ": binary_data_size is ", *size, ", the body has ",
                     left, " bytes more");
    }
    body_.message.raw.push_back({.data = request.body + next_,
                                 .bytes = static_cast<std::int64_t>(*size)});
    next_ += *size;
    return absl::OkStatus();
  }

  absl::Status Convert(std::size_t data, const std::string& owner,
                       const WireInput& input) {
    JsonElements& elements = json_.data[data];
    const Shape shape(
        std::vector<std::int64_t>(input.shape().begin(), input.shape().end()));
    ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count, shape.ElementCount());
    if (static_cast<std::uint64_t>(count) != elements.values.size()) {
      return Invalid(owner, ": 'data' has ", elements.values.size(),
                     " elements, shape ", shape.ToString(), " has ", count);
    }
    ATTENTION_ASSIGN_OR_RETURN(
        std::vector<std::byte> bytes,
        EncodeElements(owner, input.datatype(), elements));
    elements = {};
    const auto& kept = held_->converted.emplace_back(std::move(bytes));
    const auto size = static_cast<std::int64_t>(kept.size());
    body_.message.raw.push_back({.data = kept.data(), .bytes = size});
    body_.message.bytes += size;
    return absl::OkStatus();
  }

  absl::Status ReadOutputs() {
    const JsonFields fields("body", json_.object);
    ATTENTION_ASSIGN_OR_RETURN(const json* outputs, fields.Array("outputs"));
    if (outputs == nullptr) return absl::OkStatus();
    for (const json& output : *outputs) {
      ATTENTION_RETURN_IF_ERROR(ReadOutput(output));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOutput(const json& json_output) {
    ATTENTION_ASSIGN_OR_RETURN(const JsonFields fields,
                               JsonFields::Of("outputs", json_output));
    ATTENTION_ASSIGN_OR_RETURN(const auto name, fields.String("name"));
    if (!name.has_value()) return Invalid("outputs: one has no 'name'");
    auto& output = *body_.message.header.add_outputs();
    output.set_name(*name);
    ATTENTION_ASSIGN_OR_RETURN(const JsonFields parameters,
                               fields.Object("parameters"));
    ATTENTION_ASSIGN_OR_RETURN(const auto binary,
                               parameters.Bool("binary_data"));
    if (binary.value_or(false) && parameters.Has(kSharedMemoryRegion)) {
      return Invalid(TensorName(*name),
                     ": Output can't set both 'shared_memory_region' and "
                     "'binary_data'");
    }
    if (binary.has_value()) body_.forms.binary[*name] = *binary;
    return parameters.ToParameters({"binary_data"},
                                   *output.mutable_parameters());
  }

  const std::shared_ptr<HeldBody> held_;
  InferJson json_;
  InferBody body_;
  // The first byte of the body that is in no tensor yet.
  std::size_t next_ = 0;
};

}  // namespace

bool OutputForms::IsBinary(absl::string_view output) const {
  const auto found = binary.find(std::string(output));
  return found == binary.end() ? all_binary : found->second;
}

absl::StatusOr<std::size_t> JsonBytes(const http::Request& request) {
  const absl::string_view text = request.Header(kJsonLengthHeader);
  if (text.empty()) return request.body_size;
  std::uint64_t bytes = 0;
  if (!absl::SimpleAtoi(text, &bytes) || bytes == 0 ||
      bytes > request.body_size) {
    return Invalid(kJsonLengthHeader, ": is ", Quote(text),
                   ", allowed are 1 to the ", request.body_size,
                   " bytes of the body; a request needs JSON in front of its "
                   "tensors");
  }
  return bytes;
}

absl::StatusOr<InferBody> ReadInferBody(
    std::shared_ptr<const http::Request> request, const Route& route,
    MemoryBudget& budget) {
  return InferBodyReader(std::move(request), route).Read(budget);
}

}  // namespace attention::oip
