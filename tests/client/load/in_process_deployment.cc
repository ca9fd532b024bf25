// The engine and a model, as in a server, without the network.
#include "tests/client/load/in_process_deployment.h"

#include <algorithm>
#include <future>
#include <utility>

#include "client/cli/attend_input.h"
#include "client/cli/tensor_convert.h"
#include "core/model/model_loader.h"
#include "gtest/gtest.h"

namespace attention::load {
namespace {

std::byte* At(const Tensor& tensor, std::int64_t element) {
  return const_cast<std::byte*>(tensor.bytes.data()) +
         element * static_cast<std::int64_t>(ElementSize(tensor.dtype));
}

RowsView Rows(const Tensor& tensor, std::int64_t row, std::int64_t width) {
  return {.data = At(tensor, row * width),
          .dtype = ToDType(tensor.dtype),
          .row_stride = width};
}

Tensor Zeros(ElementType dtype, std::vector<std::int64_t> shape) {
  std::size_t bytes = ElementSize(dtype);
  for (const std::int64_t dim : shape) {
    bytes *= static_cast<std::size_t>(dim);
  }
  return Tensor::Own(dtype, std::move(shape), std::string(bytes, '\0'));
}

AttentionSpec SpecOfTensors(const AttendCall& call) {
  const auto& queries = call.queries.shape;
  const auto& keys = call.keys->shape;
  return {
      .num_heads = queries[queries.size() - 2],
      .num_kv_heads = keys[keys.size() - 2],
      .head_dim = queries.back(),
      .v_head_dim = queries.back(),
      .compute_dtype = ToDType(call.compute_dtype.value_or(ElementType::kF32))};
}

// Room for the answer.
AttendResult Allocate(const AttendCall& call, std::int64_t heads,
                      std::int64_t longest) {
  const ElementType dtype = call.output_dtype.value_or(call.queries.dtype);
  AttendResult result{.contexts = Zeros(dtype, call.queries.shape)};
  if (call.attn_weights == ReturnWeights::kNone) return result;
  std::int64_t count = 0;
  for (const std::int64_t length : call.q_lengths) {
    count += heads * length * length;
  }
  std::vector<std::int64_t> shape{count};
  if (!IsPacked(call)) {
    shape = {call.queries.shape[0], longest, longest};
    if (call.attn_weights == ReturnWeights::kPerHead) {
      shape.insert(shape.begin() + 1, heads);
    }
  }
  result.attn_weights = Zeros(dtype, shape);
  return result;
}

// Sequences that read the call and write what is returned.
AttendResult AddSequences(const AttendCall& call, const AttentionSpec& spec,
                          std::int64_t width, std::int64_t kv_width,
                          std::vector<Sequence>& sequences) {
  const bool per_head = call.attn_weights == ReturnWeights::kPerHead;
  const std::int64_t heads = per_head ? spec.num_heads : 1;
  const std::int64_t longest =
      *std::max_element(call.q_lengths.begin(), call.q_lengths.end());
  AttendResult result = Allocate(call, heads, longest);
  std::int64_t row = 0;
  std::int64_t weight = 0;
  for (const std::int64_t length : call.q_lengths) {
    const std::int64_t stored = IsPacked(call) ? length : longest;
    Sequence& sequence = sequences.emplace_back();
    sequence.q_len = length;
    sequence.kv_len = length;
    sequence.queries = Rows(call.queries, row, width);
    sequence.keys = Rows(call.keys ? *call.keys : call.queries, row, kv_width);
    sequence.values =
        Rows(call.values ? *call.values : call.queries, row, kv_width);
    sequence.is_causal = call.is_causal;
    sequence.scale = call.scale ? double{*call.scale} : spec.DefaultScale();
    sequence.residual = call.residual;
    sequence.contexts = {.data = At(result.contexts, row * width),
                         .dtype = ToDType(result.contexts.dtype),
                         .row_stride = width};
    if (call.attn_mask) {
      const auto b = static_cast<std::int64_t>(sequences.size()) - 1;
      sequence.attn_mask = {.data = At(*call.attn_mask, b * longest * longest),
                            .dtype = ToDType(call.attn_mask->dtype),
                            .q_stride = longest,
                            .k_stride = 1};
    }
    if (result.attn_weights) {
      sequence.attn_weights = {
          .kind = per_head ? AttnWeights::kPerHead : AttnWeights::kHeadAverage,
          .data = At(*result.attn_weights, weight),
          .dtype = ToDType(result.contexts.dtype),
          .head_stride = stored * stored,
          .row_stride = stored};
    }
    row += stored;
    weight += heads * stored * stored;
  }
  return result;
}

}  // namespace

InProcessDeployment::InProcessDeployment(const std::string& path)
    : models_(LoadModels("model", path).value()),
      engine_(Engine::Create({.num_workers = 1}).value()) {}

AttendResult InProcessDeployment::Attend(const AttendCall& call) {
  AttentionRequest request;
  request.priority = call.priority;
  AttentionSpec spec = models_[0]->spec();
  std::int64_t width = models_[0]->embed_dim();
  std::int64_t kv_width = width;
  if (call.model == "sdpa") {
    spec = SpecOfTensors(call);
    request.sdpa_spec = spec;
    width = spec.num_heads * spec.head_dim;
    kv_width = spec.num_kv_heads * spec.head_dim;
  } else {
    request.model = models_[0];
  }
  AttendResult result =
      AddSequences(call, spec, width, kv_width, request.sequences);
  std::promise<absl::Status> promise;
  std::future<absl::Status> done = promise.get_future();
  request.done = [promise = std::move(promise)](
                     const absl::Status& status,
                     const AttentionTiming& /*timing*/) mutable {
    promise.set_value(status);
  };
  engine_->Submit(std::move(request));
  EXPECT_EQ(done.get(), absl::OkStatus());
  return result;
}

}  // namespace attention::load
