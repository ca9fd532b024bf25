#include "server/warm_up.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <future>
#include <utility>

#include "core/engine/request.h"

namespace attention {
namespace {

// A decoding step, a short sentence, a paragraph.
constexpr std::array<std::int64_t, 3> kLengths = {1, 16, 128};

// Memory of one warm-up request; its inputs are all the same small number.
struct WarmUpRequest {
  std::vector<float> queries;
  std::vector<float> keys;
  std::vector<float> values;
  std::vector<float> contexts;
  std::promise<absl::Status> done;
};

std::vector<float> Filled(std::int64_t rows, std::int64_t width) {
  return std::vector<float>(static_cast<std::size_t>(rows * width), 0.01f);
}

RowsView View(const std::vector<float>& rows, std::int64_t width) {
  return {.data = reinterpret_cast<const std::byte*>(rows.data()),
          .dtype = DType::kF32,
          .row_stride = width};
}

AttentionRequest MakeRequest(const std::shared_ptr<const Model>& model,
                             std::int64_t length, WarmUpRequest& memory) {
  memory.queries = Filled(length, model->embed_dim());
  memory.keys = Filled(length, model->kdim());
  memory.values = Filled(length, model->vdim());
  memory.contexts = Filled(length, model->embed_dim());
  AttentionRequest request;
  request.model = model;
  request.sequences.push_back(
      {.q_len = length,
       .kv_len = length,
       .queries = View(memory.queries, model->embed_dim()),
       .keys = View(memory.keys, model->kdim()),
       .values = View(memory.values, model->vdim()),
       .scale = model->spec().DefaultScale(),
       .contexts = {
           .data = reinterpret_cast<std::byte*>(memory.contexts.data()),
           .dtype = DType::kF32,
           .row_stride = model->embed_dim()}});
  request.done = [&memory](const absl::Status& status, const AttentionTiming&) {
    memory.done.set_value(status);
  };
  return request;
}

}  // namespace

absl::Status WarmUp(Engine& engine,
                    const std::vector<std::shared_ptr<const Model>>& models) {
  for (const std::shared_ptr<const Model>& model : models) {
    for (const std::int64_t length : kLengths) {
      if (length > engine.options().max_batch_tokens) continue;
      WarmUpRequest memory;
      std::future<absl::Status> done = memory.done.get_future();
      engine.Submit(MakeRequest(model, length, memory));
      const absl::Status status = done.get();
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace attention
