// What the path of a request asks for.
#ifndef SERVER_REST_ROUTE_H_
#define SERVER_REST_ROUTE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace attention::oip {

enum class Endpoint {
  kServerMetadata,    // /v2
  kServerLive,        // /v2/health/live
  kServerReady,       // /v2/health/ready
  kModelMetadata,     // /v2/models/NAME[/versions/VERSION]
  kModelReady,        // that and /ready
  kModelConfig,       // that and /config
  kModelStatistics,   // that and /stats; /v2/models/stats of all
  kModelInfer,        // that and /infer
  kModelGenerate,     // that and /generate or /generate_stream
  kModelTrace,        // /v2/models/NAME/trace/setting, /v2/trace/setting
  kRepositoryIndex,   // /v2/repository/index
  kModelLoad,         // /v2/repository/models/NAME/load
  kModelUnload,       // /v2/repository/models/NAME/unload
  kRegionStatus,      // /v2/systemsharedmemory[/region/NAME]/status
  kRegionRegister,    // the same and /register
  kRegionUnregister,  // the same and /unregister
  kCudaStatus,        // /v2/cudasharedmemory[/region/NAME]/status
  kCudaRegister,      // the same and /register
  kCudaUnregister,    // the same and /unregister
  kLogSettings,       // /v2/logging
};

struct Route {
  Endpoint endpoint = Endpoint::kServerMetadata;
  // Of a model or a region, which may have slashes; empty where there is none.
  std::string name{};
  std::string version{};

  friend bool operator==(const Route&, const Route&) = default;
};

// Nothing when there is no such path. `path` is decoded and has no query; a
// slash at its end does not matter.
std::optional<Route> ParseRoute(absl::string_view path);

// The methods of an endpoint, as the header Allow has them: "GET, HEAD".
absl::string_view AllowedMethods(Endpoint endpoint);

// True for one of those.
bool AllowsMethod(Endpoint endpoint, absl::string_view method);

}  // namespace attention::oip

#endif  // SERVER_REST_ROUTE_H_
