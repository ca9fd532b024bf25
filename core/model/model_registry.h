// The models that a server offers, by name.
#ifndef CORE_MODEL_MODEL_REGISTRY_H_
#define CORE_MODEL_MODEL_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/model/model.h"

namespace attention {

// The name of the built-in model without projection weights.
inline constexpr absl::string_view kSdpaModelName = "sdpa";

// Thread-safe. `sdpa` is not in here: it has no weights to register.
class ModelRegistry {
 public:
  // AlreadyExists when the name is taken, InvalidArgument when it is empty,
  // "sdpa", longer than 128 bytes or has bytes other than [A-Za-z0-9._/-].
  absl::Status Add(std::shared_ptr<const Model> model)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes out the models of `names`, as far as they are here, and puts `models`
  // in, at once: nobody finds a part of either. Whoever has found a model keeps
  // it. As Add, for the names that are left and those of `models`; after an
  // error nothing has changed.
  absl::Status Replace(const std::vector<std::string>& names,
                       const std::vector<std::shared_ptr<const Model>>& models)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // NotFound with the names that there are (the first few).
  absl::StatusOr<std::shared_ptr<const Model>> Find(
      absl::string_view name) const ABSL_LOCKS_EXCLUDED(mutex_);

  // In the natural order of the names (layer 2 before layer 10).
  std::vector<std::shared_ptr<const Model>> List() const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using ModelMap =
      std::map<std::string, std::shared_ptr<const Model>, std::less<>>;

  mutable Mutex mutex_;
  ModelMap models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // CORE_MODEL_MODEL_REGISTRY_H_
