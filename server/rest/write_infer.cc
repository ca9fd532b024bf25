#include "server/rest/write_infer.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/rest/answers.h"
#include "server/rest/json_elements.h"
#include "server/rest/message_json.h"

namespace attention::oip {
namespace {

using Reservation = std::shared_ptr<const MemoryBudget::Reservation>;
using WireOutput = ::inference::ModelInferResponse_InferOutputTensor;

std::string Dump(const Json& json) {
  // An id may be no UTF-8 when its characters were cut.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Parameters as their values, not as the messages that they are on gRPC.
Json ParametersToJson(
    const google::protobuf::Map<std::string, ::inference::InferParameter>&
        parameters) {
  Json object = Json::object();
  for (const auto& [name, parameter] : parameters) {
    const Json choice = ToJson(parameter);
    if (!choice.empty()) object[name] = *choice.begin();
  }
  return object;
}

bool IsInJson(const WireOutput& output, const OutputTensor& tensor,
              const OutputForms& forms) {
  return tensor.data != nullptr && !forms.IsBinary(output.name());
}

// Room for the elements that become text.
absl::StatusOr<Reservation> ReserveText(const InferAnswer& answer,
                                        const OutputForms& forms,
                                        MemoryBudget& budget) {
  const std::int64_t bytes = MaxTextBytes(answer, forms);
  if (bytes == 0) return nullptr;
  if (bytes > budget.limit_bytes()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "outputs: as JSON they have up to ", bytes,
        " bytes, all requests together may have ", budget.limit_bytes(),
        " (--max-inflight-bytes); binary data takes less"));
  }
  absl::StatusOr<Reservation> reserved = budget.Reserve(bytes);
  if (reserved.ok()) return reserved;
  return absl::UnavailableError(absl::StrCat(reserved.status().message(),
                                             ", for outputs as JSON of up "
                                             "to ",
                                             bytes,
                                             " bytes; binary data takes less"));
}

// Writes an answer front to back.
class AnswerWriter {
 public:
  AnswerWriter(const InferAnswer& answer, const OutputForms& forms)
      : answer_(answer), forms_(forms) {}

  absl::StatusOr<http::Response> Write(MemoryBudget& budget) {
    ATTENTION_ASSIGN_OR_RETURN(Reservation text_reservation,
                               ReserveText(answer_, forms_, budget));
    const ::inference::ModelInferResponse& header = answer_.header;
    Json top = Json::object();
    if (!header.id().empty()) top["id"] = header.id();
    top["model_name"] = header.model_name();
    top["model_version"] = header.model_version();
    if (!header.parameters().empty()) {
      top["parameters"] = ParametersToJson(header.parameters());
    }
    OpenObject(top);
    text_ += ",\"outputs\":[";
    for (int i = 0; i < header.outputs_size(); ++i) {
      if (i > 0) text_ += ',';
      ATTENTION_RETURN_IF_ERROR(AddOutput(
          header.outputs(i), answer_.raw[static_cast<std::size_t>(i)]));
    }
    text_ += "]}";
    return Finish(std::move(text_reservation));
  }

 private:
  // What a piece of the body keeps.
  struct Kept {
    std::shared_ptr<const void> memory{};
    Reservation reservation{};
  };

  // All of `object` but the brace that closes it.
  void OpenObject(const Json& object) {
    text_ += Dump(object);
    text_.pop_back();
  }

  absl::Status AddOutput(const WireOutput& output, const OutputTensor& tensor) {
    Json object = Json::object();
    object["name"] = output.name();
    object["datatype"] = output.datatype();
    // Not the tensor's: that lacks the 1 in front of a batch of one.
    object["shape"] = output.shape();
    const bool in_json = IsInJson(output, tensor, forms_);
    const bool in_body = tensor.data != nullptr && !in_json;
    // Triton's C++ client takes every output with parameters for binary data.
    if (in_body) object["parameters"] = {{"binary_data_size", tensor.bytes}};
    OpenObject(object);
    if (in_json) {
      text_ += ",\"data\":";
      ATTENTION_RETURN_IF_ERROR(AppendElements(
          output.name(), tensor.dtype, tensor.data.get(),
          tensor.bytes / static_cast<std::int64_t>(DTypeSize(tensor.dtype)),
          text_));
    }
    text_ += '}';
    if (in_body && tensor.bytes > 0) {
      tensors_.push_back(
          {.data = tensor.data.get(),
           .size = static_cast<std::size_t>(tensor.bytes),
           .owner = std::make_shared<const Kept>(Kept{
               .memory = tensor.data, .reservation = answer_.reservation})});
    }
    return absl::OkStatus();
  }

  http::Response Finish(Reservation text_reservation) {
    http::Response response;
    if (tensors_.empty()) {
      response.headers = {{"Content-Type", "application/json"}};
    } else {
      response.headers = {{"Content-Type", "application/octet-stream"},
                          {kJsonLengthHeader, absl::StrCat(text_.size())}};
    }
    http::Piece text = ToPiece(std::move(text_));
    text.owner = std::make_shared<const Kept>(
        Kept{.memory = std::move(text.owner),
             .reservation = std::move(text_reservation)});
    response.body.push_back(std::move(text));
    for (http::Piece& tensor : tensors_) {
      response.body.push_back(std::move(tensor));
    }
    return response;
  }

  const InferAnswer& answer_;
  const OutputForms& forms_;
  std::string text_;
  std::vector<http::Piece> tensors_;
};

}  // namespace

std::int64_t MaxTextBytes(const InferAnswer& answer, const OutputForms& forms) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < answer.raw.size(); ++i) {
    const OutputTensor& tensor = answer.raw[i];
    if (!IsInJson(answer.header.outputs(static_cast<int>(i)), tensor, forms)) {
      continue;
    }
    bytes += tensor.bytes / static_cast<std::int64_t>(DTypeSize(tensor.dtype)) *
             kMaxElementCharacters;
  }
  return bytes;
}

http::Response WriteInferAnswer(const InferAnswer& answer,
                                const OutputForms& forms,
                                MemoryBudget& budget) {
  if (!answer.status.ok()) return ErrorAnswer(answer.status);
  absl::StatusOr<http::Response> response =
      AnswerWriter(answer, forms).Write(budget);
  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
}

}  // namespace attention::oip
