#include "core/model/model_registry.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "core/model/natural_order.h"

namespace attention {
namespace {

constexpr std::size_t kMaxNameBytes = 128;

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '/' || c == '-';
}

absl::Status CheckName(absl::string_view name) {
  if (name == kSdpaModelName) {
    return absl::InvalidArgumentError(
        absl::StrCat("model name \"", kSdpaModelName,
                     "\" is taken by the built-in model; choose another"));
  }
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      std::all_of(name.begin(), name.end(), IsNameByte)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("model name ", Quote(name), " must have 1 to ",
                   kMaxNameBytes, " letters, digits or . _ / -"));
}

absl::Status TakenError(absl::string_view name) {
  return absl::AlreadyExistsError(absl::StrCat(
      "model name \"", name, "\" is taken by another model; choose another"));
}

bool NameLess(const std::shared_ptr<const Model>& a,
              const std::shared_ptr<const Model>& b) {
  return NaturalLess(a->name(), b->name());
}

}  // namespace

absl::Status ModelRegistry::Add(std::shared_ptr<const Model> model) {
  return Replace({}, {std::move(model)});
}

absl::Status ModelRegistry::Replace(
    const std::vector<std::string>& names,
    const std::vector<std::shared_ptr<const Model>>& models) {
  for (const std::shared_ptr<const Model>& model : models) {
    ATTENTION_RETURN_IF_ERROR(CheckName(model->name()));
  }
  // What is taken out may be gigabytes: it goes once the lock is free.
  ModelMap changed;
  const MutexLock lock(mutex_);
  changed = models_;
  for (const std::string& name : names) changed.erase(name);
  for (const std::shared_ptr<const Model>& model : models) {
    if (!changed.emplace(model->name(), model).second) {
      return TakenError(model->name());
    }
  }
  models_.swap(changed);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Model>> ModelRegistry::Find(
    absl::string_view name) const {
  {
    const MutexLock lock(mutex_);
    const auto found = models_.find(name);
    if (found != models_.end()) return found->second;
  }
  constexpr std::size_t kNamesShown = 3;
  std::vector<std::string> names = {std::string(kSdpaModelName)};
  const std::vector<std::shared_ptr<const Model>> models = List();
  for (const std::shared_ptr<const Model>& model : models) {
    if (names.size() == kNamesShown) break;
    names.push_back(model->name());
  }
  const std::size_t count = models.size() + 1;
  return absl::NotFoundError(absl::StrCat(
      "model ", Quote(name), " is not loaded; there ",
      count == 1 ? "is " : "are ", absl::StrJoin(names, ", "),
      count > kNamesShown ? absl::StrCat(", ... (", count, " in all)") : ""));
}

std::vector<std::shared_ptr<const Model>> ModelRegistry::List() const {
  std::vector<std::shared_ptr<const Model>> models;
  {
    const MutexLock lock(mutex_);
    models.reserve(models_.size());
    for (const auto& [name, model] : models_) models.push_back(model);
  }
  std::sort(models.begin(), models.end(), NameLess);
  return models;
}

}  // namespace attention
