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
  // May take seconds; never called twice at a time.
  std::function<absl::StatusOr<Models>()> read{};
};

// kReady while it can be asked, also when it is being loaded again.
enum class ModelState { kReady, kLoading, kUnavailable };

struct ModelEntry {
  std::string name{};
  ModelState state = ModelState::kReady;
  // Why it is unavailable.
  std::string reason{};
};

// Loads that may wait; one more is refused.
inline constexpr int kMaxWaitingLoads = 64;

// Thread-safe. Loads on a thread of its own, one after the other, as it takes
// seconds. Nobody else may change the registry.
class ModelStore {
 public:
  // Called on the thread that loads, or inside the call that was given it; may
  // call the store, must not destroy it.
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  // Runs a few requests of new models before they are served.
  using WarmUp = std::function<absl::Status(const Models&)>;

  ModelStore(ModelRegistry& registry, std::vector<ModelOrigin> origins);

  // Close(), and waits for what is being read.
  ~ModelStore();

  ModelStore(const ModelStore&) = delete;
  ModelStore& operator=(const ModelStore&) = delete;

  // Reads every origin, at once and without warming up; for the start. The
  // first error names its flag.
  absl::Status LoadAll();

  // What Load does before it serves a model. To be set before Load.
  void SetWarmUp(WarmUp warm_up);

  // Reads again an origin ("minilm", all its layers) or one layer of it that
  // there is or was ("minilm/0"), warms it up and replaces what is served under
  // the name, all layers at once; requests under way finish with the old
  // weights. `sdpa` is always loaded. `done` is called exactly once:
  //   OK                 it is served
  //   NotFound           no flag gives the name, or its file has no such layer
  //                      any more
  //   AlreadyExists      another origin has a model of that name
  //   ResourceExhausted  kMaxWaitingLoads wait already
  //   Cancelled          the store was closed before it was served
  //   Unavailable        the store is closed
  // or what `read` and `warm_up` say. After an error what was served goes on.
  void Load(const std::string& name, Done done);

  // Takes an origin or one layer of it out; requests under way are finished.
  // NotFound when it is not loaded, FailedPrecondition for `sdpa`, which has no
  // weights. A load that is under way serves it again.
  absl::Status Unload(const std::string& name);

  // Every model that there was or is, `sdpa` first, then in natural order.
  std::vector<ModelEntry> Index() const;

  // From now on loads are refused. Those that wait are cancelled here, the one
  // that is read once `read` returns.
  void Close();

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // SERVER_REQUEST_MODEL_STORE_H_
