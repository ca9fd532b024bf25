// AttendRequest and AttendResponse as bytes, without copying tensors.
#include "client/cpp/attend_message.h"

#include <google/protobuf/io/coded_stream.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/tensor_mismatch.h"

namespace attention {
namespace {

using google::protobuf::io::CodedOutputStream;

v1::DType ToProto(ElementType dtype) {
  switch (dtype) {
    case ElementType::kF32:
      return v1::DTYPE_F32;
    case ElementType::kF16:
      return v1::DTYPE_F16;
    case ElementType::kBF16:
      return v1::DTYPE_BF16;
    case ElementType::kBool:
      return v1::DTYPE_BOOL;
  }
  return v1::DTYPE_UNSPECIFIED;
}

std::optional<ElementType> FromProto(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_F32:
      return ElementType::kF32;
    case v1::DTYPE_F16:
      return ElementType::kF16;
    case v1::DTYPE_BF16:
      return ElementType::kBF16;
    case v1::DTYPE_BOOL:
      return ElementType::kBool;
    default:
      return std::nullopt;
  }
}

v1::AttnWeights ToProto(ReturnWeights attn_weights) {
  switch (attn_weights) {
    case ReturnWeights::kNone:
      return v1::ATTN_WEIGHTS_NONE;
    case ReturnWeights::kHeadAverage:
      return v1::ATTN_WEIGHTS_HEAD_AVERAGE;
    case ReturnWeights::kPerHead:
      return v1::ATTN_WEIGHTS_PER_HEAD;
  }
  return v1::ATTN_WEIGHTS_NONE;
}

// All fields but the tensors: protobuf takes fields in any order, so that these
// can go first.
v1::AttendRequest SmallFields(const AttendCall& call) {
  v1::AttendRequest request;
  request.set_model(call.model);
  request.set_id(call.id);
  request.mutable_q_lengths()->Assign(call.q_lengths.begin(),
                                      call.q_lengths.end());
  request.mutable_kv_lengths()->Assign(call.kv_lengths.begin(),
                                       call.kv_lengths.end());
  request.set_is_causal(call.is_causal);
  if (call.scale) {
    request.set_scale(*call.scale);
  }
  request.set_attn_weights(ToProto(call.attn_weights));
  request.set_residual(call.residual);
  if (call.output_dtype) {
    request.set_output_dtype(ToProto(*call.output_dtype));
  }
  if (call.compute_dtype) {
    request.set_compute_dtype(ToProto(*call.compute_dtype));
  }
  request.set_priority(call.priority);
  return request;
}

void AddTensor(int field, const Tensor& tensor, PieceWriter& writer) {
  v1::Tensor header;
  header.set_dtype(ToProto(tensor.dtype));
  header.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
  const std::string header_bytes = header.SerializeAsString();
  const std::size_t data_bytes = tensor.bytes.size();
  const std::size_t data_field =
      1 + CodedOutputStream::VarintSize64(data_bytes);  // 1: the tag
  writer.AddHeader(field, header_bytes.size() + data_field + data_bytes);
  writer.small() += header_bytes;
  writer.AddHeader(v1::Tensor::kDataFieldNumber, data_bytes);
  writer.AddData(tensor);
}

absl::StatusOr<Tensor> TakeTensor(
    absl::string_view field, const v1::Tensor& tensor,
    const std::shared_ptr<const v1::AttendResponse>& response) {
  const std::optional<ElementType> dtype = FromProto(tensor.dtype());
  if (!dtype) {
    return absl::InternalError(absl::StrCat(
        field, ": the server sent dtype ", static_cast<int>(tensor.dtype()),
        ", which this client does not know; update the client"));
  }
  Tensor result{.dtype = *dtype,
                .shape = {tensor.shape().begin(), tensor.shape().end()},
                .bytes = std::as_bytes(
                    std::span(tensor.data().data(), tensor.data().size())),
                .owner = response};
  const std::string wrong =
      TensorMismatch(*dtype, result.shape, result.bytes.size());
  if (!wrong.empty()) {
    return absl::InternalError(
        absl::StrCat(field, ": the server's answer is broken: ", wrong));
  }
  return result;
}

absl::string_view MaskName(int kind) {
  switch (kind) {
    case v1::MASK_KIND_BOOLEAN:
      return "boolean";
    case v1::MASK_KIND_FLOAT:
      return "float";
    case v1::MASK_KIND_CAUSAL:
      return "causal";
    case v1::MASK_KIND_LENGTHS:
      return "lengths";
    default:
      return "unknown";
  }
}

}  // namespace

absl::StatusOr<std::vector<MessagePiece>> SerializeAttendCall(
    const AttendCall& call) {
  PieceWriter writer;
  SmallFields(call).SerializeToString(&writer.small());
  const struct {
    absl::string_view name;
    int field;
    const Tensor* tensor;
  } tensors[] = {
      {"queries", v1::AttendRequest::kQueriesFieldNumber, &call.queries},
      {"keys", v1::AttendRequest::kKeysFieldNumber,
       call.keys ? &*call.keys : nullptr},
      {"values", v1::AttendRequest::kValuesFieldNumber,
       call.values ? &*call.values : nullptr},
      {"attn_mask", v1::AttendRequest::kAttnMaskFieldNumber,
       call.attn_mask ? &*call.attn_mask : nullptr},
  };
  for (const auto& [name, field, tensor] : tensors) {
    if (tensor == nullptr) {
      continue;
    }
    const std::string wrong =
        TensorMismatch(tensor->dtype, tensor->shape, tensor->bytes.size());
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", wrong));
    }
    AddTensor(field, *tensor, writer);
  }
  return std::move(writer).Finish();
}

absl::StatusOr<AttendResult> ToAttendResult(
    const std::shared_ptr<const v1::AttendResponse>& response) {
  AttendResult result;
  result.id = response->id();
  auto contexts = TakeTensor("contexts", response->contexts(), response);
  if (!contexts.ok()) {
    return contexts.status();
  }
  result.contexts = *std::move(contexts);
  if (response->has_attn_weights()) {
    auto weights =
        TakeTensor("attn_weights", response->attn_weights(), response);
    if (!weights.ok()) {
      return weights.status();
    }
    result.attn_weights = *std::move(weights);
  }
  const v1::Timing& timing = response->timing();
  result.queue = std::chrono::microseconds(timing.queue_us());
  result.compute = std::chrono::microseconds(timing.compute_us());
  result.batch_requests = timing.batch_requests();
  result.batch_tokens = timing.batch_tokens();
  return result;
}

ModelInfo ToModelInfo(const v1::Model& model) {
  ModelInfo info{.name = model.name(),
                 .embed_dim = model.embed_dim(),
                 .kdim = model.kdim(),
                 .vdim = model.vdim(),
                 .num_heads = model.num_heads(),
                 .num_kv_heads = model.num_kv_heads(),
                 .head_dim = model.head_dim(),
                 .v_head_dim = model.v_head_dim(),
                 .dtype = FromProto(model.dtype()),
                 .compute_dtype = FromProto(model.compute_dtype()),
                 .parameter_bytes = model.parameter_bytes(),
                 .max_tokens = model.max_tokens()};
  for (const int kind : model.masks()) {
    info.masks.emplace_back(MaskName(kind));
  }
  return info;
}

ServerInfo ToServerInfo(const v1::GetServerInfoResponse& response) {
  const v1::Limits& limits = response.limits();
  ServerInfo info{.version = response.version(),
                  .cpu = response.cpu(),
                  .isa = response.isa(),
                  .workers = response.workers(),
                  .cpu_quota = response.cpu_quota(),
                  .max_request_bytes = limits.max_request_bytes(),
                  .max_response_bytes = limits.max_response_bytes(),
                  .max_batch_tokens = limits.max_batch_tokens(),
                  .max_batch_requests = limits.max_batch_requests(),
                  .max_queue_requests = limits.max_queue_requests(),
                  .max_queue_tokens = limits.max_queue_tokens(),
                  .max_sequences = limits.max_sequences(),
                  .max_id_bytes = limits.max_id_bytes(),
                  .max_batch_bytes = limits.max_batch_bytes(),
                  .max_inflight_bytes = limits.max_inflight_bytes(),
                  .max_heads = limits.max_heads(),
                  .max_head_dim = limits.max_head_dim(),
                  .max_stream_requests = limits.max_stream_requests(),
                  .priority_levels = limits.priority_levels()};
  for (const int dtype : response.compute_dtypes()) {
    // What this client does not know it cannot ask for.
    if (const auto known = FromProto(static_cast<v1::DType>(dtype))) {
      info.compute_dtypes.push_back(*known);
    }
  }
  return info;
}

}  // namespace attention
