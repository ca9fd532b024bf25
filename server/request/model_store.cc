#include "server/request/model_store.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/mutex.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "core/model/natural_order.h"
#include "server/base/log.h"

namespace attention {
namespace {

constexpr char kUnloaded[] = "unloaded";

absl::Status Annotate(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(where, ": ", status.message()));
}

absl::Status TakenError(absl::string_view name, absl::string_view flag) {
  return absl::AlreadyExistsError(absl::StrCat(
      "model name \"", name, "\" is taken by ", flag, "; choose another"));
}

absl::Status ClosedError() {
  return absl::CancelledError("the server stops, nothing is loaded any more");
}

struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return NaturalLess(a, b);
  }
};

}  // namespace

class ModelStore::Impl {
 public:
  Impl(ModelRegistry& registry, std::vector<ModelOrigin> origins)
      : registry_(registry), origins_(std::move(origins)) {}

  ~Impl() {
    Close();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status LoadAll() ABSL_LOCKS_EXCLUDED(mutex_);
  void SetWarmUp(WarmUp warm_up) { warm_up_ = std::move(warm_up); }
  void Load(const std::string& name, Done done) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Unload(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<ModelEntry> Index() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What a load or unload is about: all of an origin, or one model of it.
  struct Target {
    const ModelOrigin* origin = nullptr;
    std::string name{};
    bool all = false;
  };

  struct Job {
    Target target{};
    Done done{};
  };

  // A model that there was or is.
  struct Entry {
    const ModelOrigin* origin = nullptr;
    bool is_served = false;
    // Why not.
    std::string reason{};
  };
  using Entries = std::map<std::string, Entry, NaturalOrder>;

  static bool Covers(const Target& target, const Entries::value_type& entry) {
    return target.all ? target.origin == entry.second.origin
                      : target.name == entry.first;
  }

  // NotFound for a name that is neither an origin nor a model of one.
  absl::StatusOr<Target> FindTarget(const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the job in the queue and sees to it that there is a thread; leaves
  // `done` after an error.
  absl::Status Enqueue(const std::string& name, Done& done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsLoading(const Entries::value_type& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The thread that loads, until Close.
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Job> NextJob() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Perform(const Target& target) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndJob(const Target& target, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What the origin has for the target.
  static absl::StatusOr<Models> Read(const Target& target);
  // Serves `models` as all that there is of the target.
  absl::Status Serve(const Target& target, const Models& models)
      ABSL_LOCKS_EXCLUDED(mutex_);

  ModelRegistry& registry_;
  const std::vector<ModelOrigin> origins_;
  WarmUp warm_up_;

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  // What the thread is at.
  std::optional<Target> current_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Started by the first load, and before `closed_`.
  std::thread thread_;
};

absl::Status ModelStore::Impl::LoadAll() {
  std::map<std::string, std::string> flags;
  for (const ModelOrigin& origin : origins_) {
    const auto [taken, is_new] = flags.emplace(origin.name, origin.flag);
    if (!is_new) {
      return Annotate(origin.flag, TakenError(origin.name, taken->second));
    }
    const Target target{.origin = &origin, .name = origin.name, .all = true};
    ATTENTION_ASSIGN_OR_RETURN(const Models models, Read(target));
    const absl::Status status = Serve(target, models);
    if (!status.ok()) return Annotate(origin.flag, status);
  }
  return absl::OkStatus();
}

absl::StatusOr<Models> ModelStore::Impl::Read(const Target& target) {
  absl::StatusOr<Models> models = target.origin->read();
  if (!models.ok()) return Annotate(target.origin->flag, models.status());
  if (target.all) return models;
  for (const std::shared_ptr<const Model>& model : *models) {
    if (model->name() == target.name) return Models{model};
  }
  return Annotate(
      target.origin->flag,
      absl::NotFoundError(absl::StrCat(
          "has no model ", target.name, " any more; load ", target.origin->name,
          " for the ", models->size(), " that it has")));
}

absl::Status ModelStore::Impl::Serve(const Target& target,
                                     const Models& models) {
  const MutexLock lock(mutex_);
  if (closed_) return ClosedError();
  for (const std::shared_ptr<const Model>& model : models) {
    const auto found = entries_.find(model->name());
    if (found != entries_.end() && found->second.origin != target.origin) {
      return TakenError(model->name(), found->second.origin->flag);
    }
  }
  std::vector<std::string> old_names;
  for (const Entries::value_type& entry : entries_) {
    if (Covers(target, entry)) old_names.push_back(entry.first);
  }
  ATTENTION_RETURN_IF_ERROR(registry_.Replace(old_names, models));
  for (const std::string& name : old_names) {
    entries_[name] = {
        .origin = target.origin,
        .reason = absl::StrCat("not in ", target.origin->flag, " any more")};
  }
  for (const std::shared_ptr<const Model>& model : models) {
    entries_[model->name()] = {.origin = target.origin, .is_served = true};
  }
  return absl::OkStatus();
}

void ModelStore::Impl::Load(const std::string& name, Done done) {
  absl::Status status;
  if (name != kSdpaModelName) {
    const MutexLock lock(mutex_);
    status = Enqueue(name, done);
    if (status.ok()) return;
  }
  std::move(done)(std::move(status));
}

absl::Status ModelStore::Impl::Enqueue(const std::string& name, Done& done) {
  if (closed_) return absl::UnavailableError(ClosedError().message());
  ATTENTION_ASSIGN_OR_RETURN(Target target, FindTarget(name));
  if (jobs_.size() == std::size_t{kMaxWaitingLoads}) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxWaitingLoads, " loads wait already, try again later"));
  }
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { Work(); });
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the system has no thread to load models (", error.what(), ")"));
    }
  }
  jobs_.push_back({.target = std::move(target), .done = std::move(done)});
  changed_.notify_all();
  return absl::OkStatus();
}

absl::StatusOr<ModelStore::Impl::Target> ModelStore::Impl::FindTarget(
    const std::string& name) const {
  for (const ModelOrigin& origin : origins_) {
    if (origin.name == name) {
      return Target{.origin = &origin, .name = name, .all = true};
    }
  }
  const auto found = entries_.find(name);
  if (found != entries_.end()) {
    return Target{.origin = found->second.origin, .name = name};
  }
  constexpr std::size_t kNamesShown = 3;
  std::vector<std::string> names;
  for (const ModelOrigin& origin : origins_) {
    if (names.size() == kNamesShown) break;
    names.push_back(origin.name);
  }
  return absl::NotFoundError(absl::StrCat(
      "model ", Quote(name), " comes from no --model or --demo-model",
      names.empty() ? "" : "; there are ", absl::StrJoin(names, ", "),
      origins_.size() > kNamesShown
          ? absl::StrCat(", ... (", origins_.size(), " in all)")
          : ""));
}

void ModelStore::Impl::Work() {
  while (std::optional<Job> job = NextJob()) {
    const absl::Status status = Perform(job->target);
    EndJob(job->target, status);
    std::move(job->done)(status);
  }
}

std::optional<ModelStore::Impl::Job> ModelStore::Impl::NextJob() {
  const MutexLock lock(mutex_);
  while (!closed_ && jobs_.empty()) changed_.wait(mutex_);
  if (closed_) return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  current_ = job.target;
  return job;
}

absl::Status ModelStore::Impl::Perform(const Target& target) {
  ATTENTION_ASSIGN_OR_RETURN(const Models models, Read(target));
  if (warm_up_ != nullptr) {
    const absl::Status status = warm_up_(models);
    if (!status.ok()) return Annotate("warm-up", status);
  }
  return Serve(target, models);
}

void ModelStore::Impl::EndJob(const Target& target,
                              const absl::Status& status) {
  if (status.ok()) {
    Log(LogLevel::kInfo, "model_reloaded", {{"model", target.name}});
  } else {
    Log(LogLevel::kWarning, "model_load_failed",
        {{"model", target.name}, {"message", std::string(status.message())}});
  }
  const MutexLock lock(mutex_);
  current_.reset();
  if (status.ok()) return;
  for (Entries::value_type& entry : entries_) {
    if (Covers(target, entry) && !entry.second.is_served) {
      entry.second.reason = std::string(status.message());
    }
  }
}

absl::Status ModelStore::Impl::Unload(const std::string& name) {
  if (name == kSdpaModelName) {
    return absl::FailedPreconditionError(absl::StrCat(
        "model ", kSdpaModelName, " has no weights and is always loaded"));
  }
  {
    const MutexLock lock(mutex_);
    ATTENTION_ASSIGN_OR_RETURN(const Target target, FindTarget(name));
    std::vector<std::string> names;
    for (const Entries::value_type& entry : entries_) {
      if (Covers(target, entry) && entry.second.is_served) {
        names.push_back(entry.first);
      }
    }
    if (names.empty()) {
      return absl::NotFoundError(
          absl::StrCat("model ", name, " is not loaded"));
    }
    ATTENTION_RETURN_IF_ERROR(registry_.Replace(names, {}));
    for (const std::string& served : names) {
      entries_[served] = {.origin = target.origin, .reason = kUnloaded};
    }
  }
  Log(LogLevel::kInfo, "model_unloaded", {{"model", name}});
  return absl::OkStatus();
}

bool ModelStore::Impl::IsLoading(const Entries::value_type& entry) const {
  if (current_.has_value() && Covers(*current_, entry)) return true;
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [&](const Job& job) { return Covers(job.target, entry); });
}

std::vector<ModelEntry> ModelStore::Impl::Index() const {
  std::vector<ModelEntry> index = {{.name = std::string(kSdpaModelName)}};
  const MutexLock lock(mutex_);
  for (const Entries::value_type& entry : entries_) {
    ModelEntry& row = index.emplace_back();
    row.name = entry.first;
    if (entry.second.is_served) continue;
    if (IsLoading(entry)) {
      row.state = ModelState::kLoading;
      continue;
    }
    row.state = ModelState::kUnavailable;
    row.reason = entry.second.reason;
  }
  return index;
}

void ModelStore::Impl::Close() {
  std::deque<Job> cancelled;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    cancelled.swap(jobs_);
  }
  changed_.notify_all();
  for (Job& job : cancelled) std::move(job.done)(ClosedError());
}

ModelStore::ModelStore(ModelRegistry& registry,
                       std::vector<ModelOrigin> origins)
    : impl_(std::make_unique<Impl>(registry, std::move(origins))) {}

ModelStore::~ModelStore() = default;

absl::Status ModelStore::LoadAll() { return impl_->LoadAll(); }

void ModelStore::SetWarmUp(WarmUp warm_up) {
  impl_->SetWarmUp(std::move(warm_up));
}

void ModelStore::Load(const std::string& name, Done done) {
  impl_->Load(name, std::move(done));
}

absl::Status ModelStore::Unload(const std::string& name) {
  return impl_->Unload(name);
}

std::vector<ModelEntry> ModelStore::Index() const { return impl_->Index(); }

void ModelStore::Close() { impl_->Close(); }

}  // namespace attention
