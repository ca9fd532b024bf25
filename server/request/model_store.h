// What is served: where models come from, and loading them again.
#ifndef SERVER_REQUEST_MODEL_STORE_H_
#define SERVER_REQUEST_MODEL_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/model_registry.h"

namespace attention {

using Models = std::vector<std::shared_ptr<const Model>>;

// A name and where its models, one a layer, are read from: "minilm" gives
// minilm/0 to minilm/5.
struct ModelOrigin {
  std::string name{};
  // "--model minilm=/models/minilm", for messages.
  std::string flag{};
  std::function<absl::StatusOr<Models>()> read{};
};

enum class ModelState { kReady, kLoading, kUnavailable };

struct ModelEntry {
  std::string name{};
  ModelState state = ModelState::kReady;
  // Why it is unavailable.
  std::string reason{};
};

// Thread-safe. Loads on a thread of its own, as it takes seconds.
class ModelStore {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  // Runs a few requests of new models before they are served.
  using WarmUp = std::function<absl::Status(const Models&)>;

  ModelStore(ModelRegistry& registry, std::vector<ModelOrigin> origins);

  // Ends what is loading, whose `done` are called with Cancelled.
  ~ModelStore();

  ModelStore(const ModelStore&) = delete;
  ModelStore& operator=(const ModelStore&) = delete;

  // Reads every origin, at once. The first error names its flag.
  absl::Status LoadAll();

  // What Load does before it serves a model. To be set before Load.
  void SetWarmUp(WarmUp warm_up);

  // Reads again an origin ("minilm", all its layers) or one layer of it
  // ("minilm/0"), warms it up and replaces what is served under the name;
  // requests under way finish with the old weights. `done` is called exactly
  // once: NotFound for a name that no flag gives, or why it could not be read;
  // then what was served goes on.
  void Load(const std::string& name, Done done);

  // Takes an origin or one layer of it out; NotFound when it is not loaded,
  // FailedPrecondition for `sdpa`, which has no weights.
  absl::Status Unload(const std::string& name);

  // Every model that there was or is, `sdpa` first.
  std::vector<ModelEntry> Index() const;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // SERVER_REQUEST_MODEL_STORE_H_
