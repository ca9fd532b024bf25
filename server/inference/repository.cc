#include "server/inference/repository.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/inference/served_name.h"

namespace attention::oip {
namespace {

const char* StateName(ModelState state) {
  switch (state) {
    case ModelState::kReady:
      return "READY";
    case ModelState::kLoading:
      return "LOADING";
    case ModelState::kUnavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

// What a request to load or unload is about, as ModelStore names it.
template <typename Request>
absl::StatusOr<std::string> TargetOf(const Request& request) {
  const std::string& name = request.model_name().empty()
                                ? request.repository_name()
                                : request.model_name();
  if (name.empty()) {
    return absl::InvalidArgumentError(
        "model_name: empty, name a model of the repository index");
  }
  return ParseServedName(name).model;
}

// A file of a model is what --model says, never what a client sends.
absl::Status CheckLoadParameters(
    const ::inference::RepositoryModelLoadRequest& request) {
  for (const auto& [name, value] : request.parameters()) {
    if (name == "config" || absl::StartsWith(name, "file:")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "parameter ", Quote(name),
          ": models are loaded from where --model says, with the "
          "configuration that is there; load without this parameter"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void DescribeRepository(const InferenceContext& context,
                        const ::inference::RepositoryIndexRequest& request,
                        ::inference::RepositoryIndexResponse& response) {
  for (const ModelEntry& entry : context.models.Index()) {
    if (request.ready() && entry.state != ModelState::kReady) continue;
    for (const absl::string_view suffix :
         {absl::string_view(), kWeightsSuffix}) {
      auto& to = *response.add_models();
      to.set_name(absl::StrCat(entry.name, suffix));
      to.set_version(std::string(kModelVersion));
      to.set_state(StateName(entry.state));
      to.set_reason(entry.reason);
    }
  }
}

void LoadModel(const InferenceContext& context, absl::string_view peer,
               const ::inference::RepositoryModelLoadRequest& request,
               absl::AnyInvocable<void(absl::Status) &&> done) {
  const absl::StatusOr<std::string> target = TargetOf(request);
  absl::Status status = context.CheckControl("loading models", peer);
  if (status.ok()) status = target.status();
  if (status.ok()) status = CheckLoadParameters(request);
  if (!status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  context.models.Load(*target, std::move(done));
}

absl::Status UnloadModel(
    const InferenceContext& context, absl::string_view peer,
    const ::inference::RepositoryModelUnloadRequest& request) {
  ATTENTION_RETURN_IF_ERROR(context.CheckControl("unloading models", peer));
  ATTENTION_ASSIGN_OR_RETURN(const std::string target, TargetOf(request));
  return context.models.Unload(target);
}

}  // namespace attention::oip
