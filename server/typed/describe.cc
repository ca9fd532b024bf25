#include "server/typed/describe.h"

#include <string>

#include "core/attention/attention_spec.h"
#include "core/attention/isa.h"
#include "core/engine/priority.h"
#include "core/model/model_registry.h"
#include "server/base/version.h"
#include "server/request/request_stream.h"
#include "server/typed/convert_tensor.h"

namespace attention {
namespace {

void DescribeUse(const ServerOptions& options, v1::Model& to) {
  to.set_max_tokens(options.engine.max_batch_tokens);
  for (const v1::MaskKind kind :
       {v1::MASK_KIND_BOOLEAN, v1::MASK_KIND_FLOAT, v1::MASK_KIND_CAUSAL,
        v1::MASK_KIND_LENGTHS}) {
    to.add_masks(kind);
  }
}

}  // namespace

void DescribeModel(const Model& model, const ServerOptions& options,
                   v1::Model& to) {
  const AttentionSpec& spec = model.spec();
  to.set_name(model.name());
  to.set_embed_dim(model.embed_dim());
  to.set_kdim(model.kdim());
  to.set_vdim(model.vdim());
  to.set_num_heads(spec.num_heads);
  to.set_num_kv_heads(spec.num_kv_heads);
  to.set_head_dim(spec.head_dim);
  to.set_v_head_dim(spec.v_head_dim);
  to.set_dtype(ToProtoDType(model.dtype()));
  to.set_parameter_bytes(model.weights().ParameterBytes());
  to.set_compute_dtype(ToProtoDType(spec.compute_dtype));
  DescribeUse(options, to);
}

void DescribeSdpa(const ServerOptions& options, v1::Model& to) {
  to.set_name(std::string(kSdpaModelName));
  DescribeUse(options, to);
}

void DescribeServer(const ServiceContext& context,
                    v1::GetServerInfoResponse& to) {
  const EngineOptions& engine = context.engine.options();
  const ServerOptions& options = context.options;
  to.set_version(kVersion);
  to.set_cpu(context.topology.model_name);
  to.set_isa(IsaInUse());
  to.set_workers(engine.num_workers);
  to.set_cpu_quota(context.topology.quota_cpus);
  to.add_compute_dtypes(v1::DTYPE_F32);
  if (HasBf16Products()) to.add_compute_dtypes(v1::DTYPE_BF16);
  v1::Limits& limits = *to.mutable_limits();
  limits.set_max_request_bytes(options.max_request_bytes);
  limits.set_max_response_bytes(options.max_response_bytes);
  limits.set_max_batch_tokens(engine.max_batch_tokens);
  limits.set_max_batch_requests(engine.max_batch_requests);
  limits.set_max_queue_requests(engine.max_queue_requests);
  limits.set_max_queue_tokens(engine.max_queue_tokens);
  limits.set_max_sequences(options.max_sequences);
  limits.set_max_id_bytes(kMaxIdBytes);
  limits.set_max_batch_bytes(engine.max_batch_bytes);
  limits.set_max_inflight_bytes(options.max_inflight_bytes);
  limits.set_max_heads(kMaxHeads);
  limits.set_max_head_dim(kMaxHeadDim);
  limits.set_max_stream_requests(kMaxStreamRequests);
  limits.set_priority_levels(kPriorityLevels);
}

}  // namespace attention
