#include "server/inference/statistics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/inference/served_name.h"

namespace attention::oip {
namespace {

void Write(const CountedTime& from, ::inference::StatisticDuration& to) {
  to.set_count(static_cast<std::uint64_t>(from.count));
  to.set_ns(static_cast<std::uint64_t>(from.time.count()));
}

std::uint64_t Milliseconds(std::chrono::system_clock::time_point time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          time.time_since_epoch())
          .count());
}

// Clients divide by it as soon as there was a request.
std::uint64_t WholeBatches(const ModelCounts& counts) {
  const std::int64_t least = counts.success.count > 0 ? 1 : 0;
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(least, std::llround(counts.batches)));
}

void WriteCounts(const ModelCounts& counts, ::inference::ModelStatistics& to) {
  to.set_last_inference(Milliseconds(counts.last));
  to.set_inference_count(static_cast<std::uint64_t>(counts.sequences));
  to.set_execution_count(WholeBatches(counts));
  ::inference::InferStatistics& stats = *to.mutable_inference_stats();
  Write(counts.success, *stats.mutable_success());
  Write(counts.fail, *stats.mutable_fail());
  Write(counts.queue, *stats.mutable_queue());
  Write(counts.input, *stats.mutable_compute_input());
  Write(counts.compute, *stats.mutable_compute_infer());
  Write(counts.output, *stats.mutable_compute_output());
  // There is no cache, and clients expect its counts.
  Write({}, *stats.mutable_cache_hit());
  Write({}, *stats.mutable_cache_miss());
}

// `model` is null for `sdpa`.
::inference::ModelStatistics Statistics(const InferenceContext& context,
                                        const std::string& name,
                                        const Model* model) {
  ::inference::ModelStatistics statistics;
  statistics.set_version(std::string(kModelVersion));
  WriteCounts(context.service.statistics.Of(name), statistics);
  if (model != nullptr) {
    ::inference::MemoryUsage& memory = *statistics.add_memory_usage();
    memory.set_type("CPU");
    memory.set_byte_size(
        static_cast<std::uint64_t>(model->weights().ParameterBytes()));
  }
  return statistics;
}

void AddBothNames(const InferenceContext& context, const std::string& name,
                  const Model* model,
                  ::inference::ModelStatisticsResponse& response) {
  const ::inference::ModelStatistics statistics =
      Statistics(context, name, model);
  for (const absl::string_view suffix : {absl::string_view(), kWeightsSuffix}) {
    ::inference::ModelStatistics& to = *response.add_model_stats();
    to = statistics;
    to.set_name(absl::StrCat(name, suffix));
  }
}

}  // namespace

absl::Status DescribeStatistics(
    const InferenceContext& context,
    const ::inference::ModelStatisticsRequest& request,
    ::inference::ModelStatisticsResponse& response) {
  const ModelRegistry& registry = context.service.registry;
  if (request.name().empty()) {
    AddBothNames(context, std::string(kSdpaModelName), nullptr, response);
    for (const std::shared_ptr<const Model>& model : registry.List()) {
      AddBothNames(context, model->name(), model.get(), response);
    }
    return absl::OkStatus();
  }
  ATTENTION_ASSIGN_OR_RETURN(
      const ServedModel served,
      FindServed(registry, request.name(), request.version()));
  ::inference::ModelStatistics& to = *response.add_model_stats();
  to = Statistics(context, served.name.model, served.model.get());
  to.set_name(request.name());
  return absl::OkStatus();
}

}  // namespace attention::oip
