// `attention-client info` and `attention-client models`.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"

namespace attention {
namespace {

// A width that the request decides is a dash.
std::string Width(std::int64_t width) {
  return width == 0 ? "-" : absl::StrCat(width);
}

// So is a type that there is not.
std::string Name(std::optional<ElementType> dtype) {
  return dtype ? std::string(ElementName(*dtype)) : "-";
}

// "f32 bf16".
std::string Names(const std::vector<ElementType>& dtypes) {
  return absl::StrJoin(dtypes, " ", [](std::string* out, ElementType dtype) {
    absl::StrAppend(out, ElementName(dtype));
  });
}

std::string Mebibytes(std::int64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

void PrintModel(const ModelInfo& model) {
  std::printf(
      "%-16s %9s %5s %5s %5s %8s %8s  %-5s %-7s %10s  %s\n", model.name.c_str(),
      Width(model.embed_dim).c_str(), Width(model.kdim).c_str(),
      Width(model.vdim).c_str(), Width(model.num_heads).c_str(),
      Width(model.num_kv_heads).c_str(), Width(model.head_dim).c_str(),
      Name(model.dtype).c_str(), Name(model.compute_dtype).c_str(),
      model.parameter_bytes == 0 ? "-"
                                 : Mebibytes(model.parameter_bytes).c_str(),
      absl::StrJoin(model.masks, " ").c_str());
}

}  // namespace

ExitCode RunInfo(const CommandLine& line) {
  auto client = ConnectTo(line);
  if (!client.ok()) {
    return Fail(ExitCode::kUsage, client.status());
  }
  const auto info = client->GetServerInfo();
  if (!info.ok()) {
    return FailCall(line, info.status());
  }
  std::printf(
      "server              %s\nversion             %s\ncpu                 %s\n"
      "isa                 %s\nworkers             %d\ncpu_quota           "
      "%s\ncompute_dtypes      %s\n",
      line.server.c_str(), info->version.c_str(), info->cpu.c_str(),
      info->isa.c_str(), info->workers,
      info->cpu_quota == 0 ? "none" : absl::StrCat(info->cpu_quota).c_str(),
      Names(info->compute_dtypes).c_str());
  const struct {
    const char* name;
    std::int64_t value;
  } limits[] = {{"max_request_bytes", info->max_request_bytes},
                {"max_response_bytes", info->max_response_bytes},
                {"max_batch_tokens", info->max_batch_tokens},
                {"max_batch_requests", info->max_batch_requests},
                {"max_queue_requests", info->max_queue_requests},
                {"max_queue_tokens", info->max_queue_tokens},
                {"max_sequences", info->max_sequences},
                {"max_id_bytes", info->max_id_bytes},
                {"max_batch_bytes", info->max_batch_bytes},
                {"max_inflight_bytes", info->max_inflight_bytes},
                {"max_heads", info->max_heads},
                {"max_head_dim", info->max_head_dim},
                {"max_stream_requests", info->max_stream_requests},
                {"priority_levels", info->priority_levels}};
  for (const auto& [name, value] : limits) {
    std::printf("%-19s %lld\n", name, static_cast<long long>(value));
  }
  return ExitCode::kOk;
}

ExitCode RunModels(const CommandLine& line) {
  auto client = ConnectTo(line);
  if (!client.ok()) {
    return Fail(ExitCode::kUsage, client.status());
  }
  const auto models = client->ListModels();
  if (!models.ok()) {
    return FailCall(line, models.status());
  }
  std::printf("%-16s %9s %5s %5s %5s %8s %8s  %-5s %-7s %10s  %s\n", "model",
              "embed_dim", "kdim", "vdim", "heads", "kv_heads", "head_dim",
              "dtype", "compute", "parameters", "masks");
  for (const ModelInfo& model : *models) {
    PrintModel(model);
  }
  return ExitCode::kOk;
}

}  // namespace attention
