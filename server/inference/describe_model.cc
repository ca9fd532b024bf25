#include "server/inference/describe_model.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/engine/priority.h"
#include "server/inference/datatype.h"
#include "server/inference/served_name.h"

namespace attention::oip {
namespace {

constexpr absl::string_view kPlatform = "attention_server";
constexpr absl::string_view kBackend = "attention";

// A request may send FP16 and BF16 too, and answers follow it; clients make
// their requests of what is declared.
constexpr DType kDeclaredDType = DType::kF32;
constexpr ::inference::DataType kDeclaredType = ::inference::TYPE_FP32;

constexpr std::int64_t kAny = -1;

struct DeclaredTensor {
  std::string name{};
  // Without the batch.
  std::vector<std::int64_t> dims{};
};

// What both messages say of a model, each in its own way.
struct Description {
  std::vector<DeclaredTensor> inputs{};
  std::vector<DeclaredTensor> outputs{};
  std::map<std::string, std::string> properties{};
};

void DescribeInputs(const Model* model, Description& to) {
  std::vector<std::string> optional;
  if (model == nullptr) {
    // [batch, tokens, num_heads, head_dim]; the request decides them all.
    const std::vector<std::int64_t> dims(3, kAny);
    to.inputs = {{"queries", dims}, {"keys", dims}, {"values", dims}};
  } else {
    to.inputs = {{"queries", {kAny, model->embed_dim()}}};
    if (model->kdim() == model->embed_dim() &&
        model->vdim() == model->embed_dim()) {
      optional = {"keys", "values"};
    } else {
      to.inputs.push_back({"keys", {kAny, model->kdim()}});
      to.inputs.push_back({"values", {kAny, model->vdim()}});
    }
  }
  for (const char* name : {"attn_mask", "q_lengths", "kv_lengths"}) {
    optional.emplace_back(name);
  }
  to.properties["optional_inputs"] = absl::StrJoin(optional, ",");
}

void DescribeOutputs(const Model* model, bool has_weights, Description& to) {
  if (model == nullptr) {
    to.outputs = {{"contexts", {kAny, kAny, kAny}}};
  } else {
    to.outputs = {{"contexts", {kAny, model->embed_dim()}}};
  }
  if (!has_weights) return;
  // [num_heads, queries, keys].
  const std::int64_t heads = model == nullptr ? kAny : model->spec().num_heads;
  to.outputs.push_back({"attn_weights", {heads, kAny, kAny}});
}

void DescribeProperties(const ServiceContext& service, const Model* model,
                        Description& to) {
  const ServerOptions& options = service.options;
  const auto publish = [&to](const char* name, const auto& value) {
    to.properties[name] = absl::StrCat(value);
  };
  publish("max_sequences", options.max_sequences);
  publish("max_tokens", service.engine.options().max_batch_tokens);
  publish("max_request_bytes", options.max_request_bytes);
  publish("max_response_bytes", options.max_response_bytes);
  // A request for `sdpa` chooses its own.
  publish("compute_dtype",
          DatatypeName(model == nullptr ? kDeclaredDType
                                        : model->spec().compute_dtype));
  if (model == nullptr) return;
  publish("num_heads", model->spec().num_heads);
  publish("head_dim", model->spec().head_dim);
}

absl::StatusOr<Description> Describe(const InferenceContext& context,
                                     absl::string_view name,
                                     absl::string_view version) {
  ATTENTION_ASSIGN_OR_RETURN(
      const ServedModel served,
      FindServed(context.service.registry, name, version));
  const Model* const model = served.model.get();
  Description description;
  DescribeInputs(model, description);
  DescribeOutputs(model, served.name.has_weights, description);
  DescribeProperties(context.service, model, description);
  return description;
}

void Declare(const DeclaredTensor& tensor,
             ::inference::ModelMetadataResponse::TensorMetadata& to) {
  to.set_name(tensor.name);
  to.set_datatype(std::string(DatatypeName(kDeclaredDType)));
  to.add_shape(kAny);
  for (const std::int64_t dim : tensor.dims) to.add_shape(dim);
}

template <typename ConfigTensor>
void Configure(const DeclaredTensor& tensor, ConfigTensor& to) {
  to.set_name(tensor.name);
  to.set_data_type(kDeclaredType);
  for (const std::int64_t dim : tensor.dims) to.add_dims(dim);
}

void ConfigureBatching(const EngineOptions& engine,
                       ::inference::ModelDynamicBatching& to) {
  // Nothing ever waits for company.
  to.set_max_queue_delay_microseconds(0);
  to.set_priority_levels(kPriorityLevels);
  to.set_default_priority_level(kDefaultPriority);
  ::inference::ModelQueuePolicy& policy = *to.mutable_default_queue_policy();
  policy.set_timeout_action(::inference::ModelQueuePolicy::REJECT);
  policy.set_allow_timeout_override(true);
  policy.set_max_queue_size(
      static_cast<std::uint32_t>(engine.max_queue_requests));
}

}  // namespace

absl::Status DescribeMetadata(const InferenceContext& context,
                              const ::inference::ModelMetadataRequest& request,
                              ::inference::ModelMetadataResponse& response) {
  ATTENTION_ASSIGN_OR_RETURN(
      const Description description,
      Describe(context, request.name(), request.version()));
  response.set_name(request.name());
  response.add_versions(std::string(kModelVersion));
  response.set_platform(std::string(kPlatform));
  for (const DeclaredTensor& input : description.inputs) {
    Declare(input, *response.add_inputs());
  }
  for (const DeclaredTensor& output : description.outputs) {
    Declare(output, *response.add_outputs());
  }
  for (const auto& [name, value] : description.properties) {
    (*response.mutable_properties())[name] = value;
  }
  return absl::OkStatus();
}

absl::Status DescribeConfig(const InferenceContext& context,
                            const ::inference::ModelConfigRequest& request,
                            ::inference::ModelConfigResponse& response) {
  ATTENTION_ASSIGN_OR_RETURN(
      const Description description,
      Describe(context, request.name(), request.version()));
  const EngineOptions& engine = context.service.engine.options();
  ::inference::ModelConfig& config = *response.mutable_config();
  config.set_name(request.name());
  config.set_platform(std::string(kPlatform));
  config.set_backend(std::string(kBackend));
  config.set_max_batch_size(
      static_cast<std::int32_t>(context.service.options.max_sequences));
  for (const DeclaredTensor& input : description.inputs) {
    Configure(input, *config.add_input());
  }
  for (const DeclaredTensor& output : description.outputs) {
    Configure(output, *config.add_output());
  }
  ::inference::ModelInstanceGroup& workers = *config.add_instance_group();
  workers.set_name(absl::StrCat(request.name(), "_0"));
  workers.set_kind(::inference::ModelInstanceGroup::KIND_CPU);
  workers.set_count(engine.num_workers);
  ConfigureBatching(engine, *config.mutable_dynamic_batching());
  for (const auto& [name, value] : description.properties) {
    (*config.mutable_parameters())[name].set_string_value(value);
  }
  // Clients read whether there is one.
  config.mutable_model_transaction_policy()->set_decoupled(false);
  return absl::OkStatus();
}

absl::Status DescribeReady(const InferenceContext& context,
                           const ::inference::ModelReadyRequest& request,
                           ::inference::ModelReadyResponse& response) {
  absl::Status found =
      FindServed(context.service.registry, request.name(), request.version())
          .status();
  response.set_ready(found.ok() && context.service.ready);
  if (found.ok()) return found;
  const std::string name = ParseServedName(request.name()).model;
  for (const ModelEntry& entry : context.models.Index()) {
    const bool is_out = entry.state != ModelState::kReady;
    if (is_out && entry.name == name) return absl::OkStatus();
  }
  return found;
}

}  // namespace attention::oip
