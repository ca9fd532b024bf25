// The names under which a model is served: NAME, and NAME@weights, which has
// the attention weights as an output too.
#ifndef SERVER_INFERENCE_SERVED_NAME_H_
#define SERVER_INFERENCE_SERVED_NAME_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_registry.h"

namespace attention::oip {

// The version of every model.
inline constexpr absl::string_view kModelVersion = "1";

inline constexpr absl::string_view kWeightsSuffix = "@weights";

struct ServedName {
  // As the engine knows it.
  std::string model{};
  bool has_weights = false;
};

// NAME or NAME@weights in two parts, whether there is such a model or not.
ServedName ParseServedName(absl::string_view name);

struct ServedModel {
  ServedName name{};
  // Null for `sdpa`, which has no weights.
  std::shared_ptr<const Model> model{};
};

// NotFound, with the names that there are, for a model that is not loaded, and
// for a version other than "1" and "".
absl::StatusOr<ServedModel> FindServed(const ModelRegistry& registry,
                                       absl::string_view name,
                                       absl::string_view version);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_SERVED_NAME_H_
