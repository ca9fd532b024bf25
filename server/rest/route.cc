#include "server/rest/route.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace attention::oip {
namespace {

// What a path ends with and what that asks for.
using Ending = std::pair<absl::string_view, Endpoint>;

constexpr std::array<Ending, 6> kModelEndings = {{
    {"/ready", Endpoint::kModelReady},
    {"/config", Endpoint::kModelConfig},
    {"/stats", Endpoint::kModelStatistics},
    {"/infer", Endpoint::kModelInfer},
    {"/generate", Endpoint::kModelGenerate},
    {"/generate_stream", Endpoint::kModelGenerate},
}};
constexpr std::array<Ending, 2> kRepositoryEndings = {{
    {"/load", Endpoint::kModelLoad},
    {"/unload", Endpoint::kModelUnload},
}};
constexpr std::array<Ending, 3> kRegionEndings = {{
    {"/status", Endpoint::kRegionStatus},
    {"/register", Endpoint::kRegionRegister},
    {"/unregister", Endpoint::kRegionUnregister},
}};
constexpr std::array<Ending, 3> kCudaEndings = {{
    {"/status", Endpoint::kCudaStatus},
    {"/register", Endpoint::kCudaRegister},
    {"/unregister", Endpoint::kCudaUnregister},
}};
// Whole paths.
constexpr std::array<Ending, 7> kPaths = {{
    {"/v2", Endpoint::kServerMetadata},
    {"/v2/health/live", Endpoint::kServerLive},
    {"/v2/health/ready", Endpoint::kServerReady},
    {"/v2/models/stats", Endpoint::kModelStatistics},
    {"/v2/repository/index", Endpoint::kRepositoryIndex},
    {"/v2/logging", Endpoint::kLogSettings},
    {"/v2/trace/setting", Endpoint::kModelTrace},
}};

// Takes the ending that `path` has off it.
template <std::size_t n>
std::optional<Endpoint> ConsumeEnding(const std::array<Ending, n>& endings,
                                      absl::string_view* path) {
  for (const auto& [ending, endpoint] : endings) {
    if (absl::ConsumeSuffix(path, ending)) return endpoint;
  }
  return std::nullopt;
}

// Takes "/versions/12" off the end and returns "12", or nothing.
absl::string_view ConsumeVersion(absl::string_view* path) {
  constexpr absl::string_view kVersions = "/versions/";
  const std::size_t at = path->rfind(kVersions);
  if (at == absl::string_view::npos) return "";
  const absl::string_view version = path->substr(at + kVersions.size());
  if (version.empty() ||
      !std::all_of(version.begin(), version.end(), absl::ascii_isdigit)) {
    return "";
  }
  *path = path->substr(0, at);
  return version;
}

// `path` is what comes after /v2/models/.
std::optional<Route> ParseModel(absl::string_view path) {
  if (absl::ConsumeSuffix(&path, "/trace/setting")) {
    if (path.empty()) return std::nullopt;
    return Route{.endpoint = Endpoint::kModelTrace, .name = std::string(path)};
  }
  Route route;
  route.endpoint =
      ConsumeEnding(kModelEndings, &path).value_or(Endpoint::kModelMetadata);
  route.version = std::string(ConsumeVersion(&path));
  route.name = std::string(path);
  if (route.name.empty()) return std::nullopt;
  return route;
}

// `path` is what comes after /v2/systemsharedmemory or cudasharedmemory.
std::optional<Route> ParseRegion(const std::array<Ending, 3>& endings,
                                 absl::string_view path) {
  const std::optional<Endpoint> endpoint = ConsumeEnding(endings, &path);
  if (!endpoint.has_value()) return std::nullopt;
  Route route{.endpoint = *endpoint};
  if (absl::ConsumePrefix(&path, "/region/")) {
    if (path.empty()) return std::nullopt;
    route.name = std::string(path);
  } else if (!path.empty()) {
    return std::nullopt;
  }
  return route;
}

}  // namespace

std::optional<Route> ParseRoute(absl::string_view path) {
  absl::ConsumeSuffix(&path, "/");
  for (const auto& [whole, endpoint] : kPaths) {
    if (path == whole) return Route{.endpoint = endpoint};
  }
  if (absl::ConsumePrefix(&path, "/v2/models/")) return ParseModel(path);
  if (absl::ConsumePrefix(&path, "/v2/systemsharedmemory")) {
    return ParseRegion(kRegionEndings, path);
  }
  if (absl::ConsumePrefix(&path, "/v2/cudasharedmemory")) {
    return ParseRegion(kCudaEndings, path);
  }
  if (absl::ConsumePrefix(&path, "/v2/repository/models/")) {
    const auto endpoint = ConsumeEnding(kRepositoryEndings, &path);
    if (!endpoint.has_value() || path.empty()) return std::nullopt;
    return Route{.endpoint = *endpoint, .name = std::string(path)};
  }
  return std::nullopt;
}

absl::string_view AllowedMethods(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kModelInfer:
    case Endpoint::kModelGenerate:
    case Endpoint::kRepositoryIndex:
    case Endpoint::kModelLoad:
    case Endpoint::kModelUnload:
    case Endpoint::kRegionRegister:
    case Endpoint::kRegionUnregister:
    case Endpoint::kCudaRegister:
    case Endpoint::kCudaUnregister:
      return "POST";
    case Endpoint::kLogSettings:
    case Endpoint::kModelTrace:
      return "GET, HEAD, POST";
    default:
      return "GET, HEAD";
  }
}

bool AllowsMethod(Endpoint endpoint, absl::string_view method) {
  for (const absl::string_view allowed :
       absl::StrSplit(AllowedMethods(endpoint), ", ")) {
    if (method == allowed) return true;
  }
  return false;
}

}  // namespace attention::oip
