// What a server without arithmetic knows and answers.
#include "tests/support/attend_answers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "tests/support/attend_requests.h"

namespace attention {
namespace {

constexpr char kSdpa[] = "sdpa";

bool IsPadded(const v1::AttendRequest& request) {
  return request.queries().shape_size() == (request.model() == kSdpa ? 4 : 3);
}

// [batch, num_heads, q_len, kv_len] without num_heads for the average. Packed:
// one axis, which holds that for each sequence.
std::vector<std::int64_t> WeightsShape(const v1::AttendRequest& request,
                                       const v1::Model& model) {
  const auto& queries = request.queries().shape();
  const auto& keys =
      request.has_keys() ? request.keys().shape() : request.queries().shape();
  const bool per_head = request.attn_weights() == v1::ATTN_WEIGHTS_PER_HEAD;
  std::int64_t heads = 1;
  if (per_head) {
    heads =
        model.num_heads() > 0 ? model.num_heads() : queries[queries.size() - 2];
  }
  if (IsPadded(request)) {
    if (per_head) return {queries[0], heads, queries[1], keys[1]};
    return {queries[0], queries[1], keys[1]};
  }
  const auto& kv_lengths =
      request.has_keys() ? request.kv_lengths() : request.q_lengths();
  std::int64_t count = 0;
  for (int i = 0; i < std::min(request.q_lengths_size(), kv_lengths.size());
       ++i) {
    count += heads * request.q_lengths(i) * kv_lengths[i];
  }
  return {count};
}

void FillContexts(v1::AttendRequest* request, v1::DType dtype,
                  v1::Tensor* contexts) {
  v1::Tensor* queries = request->mutable_queries();
  std::vector<std::int64_t> shape(queries->shape().begin(),
                                  queries->shape().end());
  if (request->model() == kSdpa && request->has_values()) {
    shape.back() = *request->values().shape().rbegin();
  }
  const bool fits =
      dtype == queries->dtype() && shape.back() == *queries->shape().rbegin();
  if (fits) {
    contexts->Swap(queries);
  } else {
    *contexts = ZeroTensor(shape, dtype);
  }
}

}  // namespace

std::vector<v1::Model> DescribeFakeModels() {
  std::vector<v1::Model> models(2);
  models[0].set_name(kSdpa);
  v1::Model& minilm = models[1];
  minilm.set_name("minilm/0");
  minilm.set_embed_dim(384);
  minilm.set_kdim(384);
  minilm.set_vdim(384);
  minilm.set_num_heads(12);
  minilm.set_num_kv_heads(12);
  minilm.set_head_dim(32);
  minilm.set_v_head_dim(32);
  minilm.set_dtype(v1::DTYPE_F16);
  minilm.set_compute_dtype(v1::DTYPE_F32);
  minilm.set_parameter_bytes(1182720);
  for (v1::Model& model : models) {
    model.set_max_tokens(65536);
    for (const v1::MaskKind mask :
         {v1::MASK_KIND_BOOLEAN, v1::MASK_KIND_FLOAT, v1::MASK_KIND_CAUSAL,
          v1::MASK_KIND_LENGTHS}) {
      model.add_masks(mask);
    }
  }
  return models;
}

absl::StatusOr<v1::Model> DescribeFakeModel(const std::string& name) {
  for (v1::Model& model : DescribeFakeModels()) {
    if (model.name() == name) return std::move(model);
  }
  return absl::NotFoundError(
      absl::StrCat("there is no model ", name, ", there are sdpa, minilm/0"));
}

absl::StatusOr<v1::AttendResponse> AnswerWithoutArithmetic(
    v1::AttendRequest request) {
  ATTENTION_ASSIGN_OR_RETURN(const v1::Model model,
                             DescribeFakeModel(request.model()));
  if (request.queries().shape_size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("queries: rank is ", request.queries().shape_size(),
                     ", the least is 2"));
  }
  if (request.queries().dtype() == v1::DTYPE_UNSPECIFIED) {
    request.mutable_queries()->set_dtype(v1::DTYPE_F32);
  }
  const v1::DType dtype = request.output_dtype() == v1::DTYPE_UNSPECIFIED
                              ? request.queries().dtype()
                              : request.output_dtype();
  v1::AttendResponse response;
  response.set_id(request.id());
  if (request.attn_weights() != v1::ATTN_WEIGHTS_NONE) {
    *response.mutable_attn_weights() =
        ZeroTensor(WeightsShape(request, model), dtype);
  }
  const auto& shape = request.queries().shape();
  response.mutable_timing()->set_batch_requests(1);
  response.mutable_timing()->set_batch_tokens(
      IsPadded(request) ? shape[0] * shape[1] : shape[0]);
  FillContexts(&request, dtype, response.mutable_contexts());
  return response;
}

}  // namespace attention
