// Calls as requests of the Open Inference Protocol, without copying tensors.
#include "client/load/infer_message.h"

#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cpp/tensor_mismatch.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferResponse;

static_assert(std::endian::native == std::endian::little);

constexpr std::pair<ElementType, absl::string_view> kDatatypes[] = {
    {ElementType::kF32, "FP32"},
    {ElementType::kF16, "FP16"},
    {ElementType::kBF16, "BF16"},
    {ElementType::kBool, "BOOL"}};

std::string DatatypeName(ElementType dtype) {
  for (const auto& [known, name] : kDatatypes) {
    if (known == dtype) return std::string(name);
  }
  return "";
}

std::optional<ElementType> ParseDatatype(absl::string_view datatype) {
  for (const auto& [dtype, name] : kDatatypes) {
    if (name == datatype) return dtype;
  }
  return std::nullopt;
}

void SetParameters(const AttendCall& call, ModelInferRequest& request) {
  auto& parameters = *request.mutable_parameters();
  if (call.is_causal) parameters["is_causal"].set_bool_param(true);
  if (call.residual) parameters["residual"].set_bool_param(true);
  if (call.scale) {
    parameters["scale"].set_double_param(static_cast<double>(*call.scale));
  }
  if (call.output_dtype) {
    parameters["output_dtype"].set_string_param(
        DatatypeName(*call.output_dtype));
  }
  if (call.compute_dtype) {
    parameters["compute_dtype"].set_string_param(
        DatatypeName(*call.compute_dtype));
  }
  if (call.attn_weights == ReturnWeights::kHeadAverage) {
    parameters["attn_weights"].set_string_param("head_average");
  }
  if (call.priority > 0) {
    parameters["priority"].set_uint64_param(call.priority);
  }
  if (call.timeout) {
    parameters["timeout"].set_int64_param(
        std::chrono::microseconds(*call.timeout).count());
  }
}

// A request whose inputs and their bytes are added in the same order.
class InferWriter {
 public:
  explicit InferWriter(const AttendCall& call) {
    request_.set_model_name(call.attn_weights == ReturnWeights::kNone
                                ? call.model
                                : absl::StrCat(call.model, "@weights"));
    request_.set_id(call.id);
    SetParameters(call, request_);
  }

  // Nothing is added for no lengths.
  void AddLengths(const char* name, const std::vector<std::int64_t>& lengths) {
    if (lengths.empty()) return;
    AddInput(name, "INT64", {static_cast<std::int64_t>(lengths.size())});
    lengths_.emplace_back(lengths.size() * sizeof(std::int64_t), '\0');
    std::memcpy(lengths_.back().data(), lengths.data(), lengths_.back().size());
  }

  absl::Status AddTensor(const char* name, const Tensor& tensor) {
    const std::string wrong =
        TensorMismatch(tensor.dtype, tensor.shape, tensor.bytes.size());
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", wrong));
    }
    AddInput(name, DatatypeName(tensor.dtype), tensor.shape);
    tensors_.push_back(&tensor);
    return absl::OkStatus();
  }

  std::vector<MessagePiece> Finish() && {
    constexpr int kRaw = ModelInferRequest::kRawInputContentsFieldNumber;
    PieceWriter writer;
    request_.SerializeToString(&writer.small());
    for (const std::string& lengths : lengths_) {
      writer.AddHeader(kRaw, lengths.size());
      writer.small() += lengths;
    }
    for (const Tensor* tensor : tensors_) {
      writer.AddHeader(kRaw, tensor->bytes.size());
      writer.AddData(*tensor);
    }
    return std::move(writer).Finish();
  }

 private:
  void AddInput(const char* name, const std::string& datatype,
                const std::vector<std::int64_t>& shape) {
    auto& input = *request_.add_inputs();
    input.set_name(name);
    input.set_datatype(datatype);
    input.mutable_shape()->Assign(shape.begin(), shape.end());
  }

  ModelInferRequest request_;
  // Before the tensors, so that all that is small is one piece.
  std::vector<std::string> lengths_;
  std::vector<const Tensor*> tensors_;
};

template <typename... Parts>
absl::Status Broken(const Parts&... parts) {
  return absl::InternalError(
      absl::StrCat("the server's answer is broken: ", parts...));
}

absl::StatusOr<Tensor> TakeOutput(
    const ModelInferResponse::InferOutputTensor& output, const std::string& raw,
    const std::shared_ptr<const ModelInferResponse>& response) {
  const std::optional<ElementType> dtype = ParseDatatype(output.datatype());
  if (!dtype) {
    return Broken(output.name(), " has datatype ", output.datatype(),
                  ", which attention does not have");
  }
  Tensor tensor{.dtype = *dtype,
                .shape = {output.shape().begin(), output.shape().end()},
                .bytes = std::as_bytes(std::span(raw.data(), raw.size())),
                .owner = response};
  const std::string wrong = TensorMismatch(*dtype, tensor.shape, raw.size());
  if (!wrong.empty()) return Broken(output.name(), ": ", wrong);
  return tensor;
}

}  // namespace

absl::StatusOr<std::vector<MessagePiece>> SerializeInferCall(
    const AttendCall& call) {
  InferWriter writer(call);
  writer.AddLengths("q_lengths", call.q_lengths);
  writer.AddLengths("kv_lengths", call.kv_lengths);
  ATTENTION_RETURN_IF_ERROR(writer.AddTensor("queries", call.queries));
  if (call.keys) {
    ATTENTION_RETURN_IF_ERROR(writer.AddTensor("keys", *call.keys));
  }
  if (call.values) {
    ATTENTION_RETURN_IF_ERROR(writer.AddTensor("values", *call.values));
  }
  if (call.attn_mask) {
    ATTENTION_RETURN_IF_ERROR(writer.AddTensor("attn_mask", *call.attn_mask));
  }
  return std::move(writer).Finish();
}

absl::StatusOr<AttendResult> ToAttendResult(
    const std::shared_ptr<const ModelInferResponse>& response) {
  if (response->raw_output_contents_size() != response->outputs_size()) {
    return Broken(response->outputs_size(), " outputs have ",
                  response->raw_output_contents_size(),
                  " entries in raw_output_contents");
  }
  AttendResult result{.id = response->id()};
  bool has_contexts = false;
  for (int i = 0; i < response->outputs_size(); ++i) {
    const auto& output = response->outputs(i);
    ATTENTION_ASSIGN_OR_RETURN(
        Tensor tensor,
        TakeOutput(output, response->raw_output_contents(i), response));
    if (output.name() == "contexts") {
      result.contexts = std::move(tensor);
      has_contexts = true;
    } else if (output.name() == "attn_weights") {
      result.attn_weights = std::move(tensor);
    } else {
      return Broken("nobody asked for the output ", output.name());
    }
  }
  if (!has_contexts) return Broken("it has no output contexts");
  return result;
}

}  // namespace attention::load
