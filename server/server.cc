#include "server/server.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/attention/attention_spec.h"
#include "core/attention/isa.h"
#include "core/base/cpu.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/model/model_loader.h"
#include "core/model/model_registry.h"
#include "server/base/log.h"
#include "server/base/port_file.h"
#include "server/base/version.h"
#include "server/demo_model.h"
#include "server/grpc_listener.h"
#include "server/request/memory_budget.h"
#include "server/request/metrics.h"
#include "server/request/open_requests.h"
#include "server/request/service_context.h"
#include "server/warm_up.h"

namespace attention {

class Server::Impl {
 public:
  explicit Impl(ServerOptions options) : options_(std::move(options)) {}

  absl::Status Start();
  absl::Status WarmUp();
  void Stop();

  int grpc_port() const { return listener_->port(); }
  int metrics_port() const { return metrics_port_; }

 private:
  using Models = std::vector<std::shared_ptr<const Model>>;

  absl::Status LoadAll();
  absl::Status Register(const absl::StatusOr<Models>& models);
  void LogStart() const;

  // Destroyed from the last to the first: the listener waits for its calls,
  // whose requests need the engine, whose models and options are before it.
  const ServerOptions options_;
  const CpuTopology topology_ = ReadCpuTopology();
  ModelRegistry registry_;
  std::unique_ptr<Engine> engine_;
  OpenRequests open_requests_;
  MemoryBudget budget_{options_.max_inflight_bytes};
  std::unique_ptr<Metrics> metrics_;
  ModelStatistics statistics_;
  std::atomic<bool> ready_ = false;
  std::unique_ptr<GrpcListener> listener_;
  int metrics_port_ = -1;
  bool stopped_ = false;
};

absl::Status Server::Impl::Start() {
  ATTENTION_RETURN_IF_ERROR(options_.Validate());
  if (!SetMaxIsa(*ParseMaxIsa(options_.max_isa)) && options_.max_isa != "any") {
    Log(LogLevel::kWarning, "max_isa_too_late", {{"isa", IsaInUse()}});
  }
  ATTENTION_RETURN_IF_ERROR(LoadAll());
  ATTENTION_ASSIGN_OR_RETURN(engine_, Engine::Create(options_.engine));
  metrics_ = std::make_unique<Metrics>(
      [this] {
        return Gauges{.engine = engine_->Stats(),
                      .open_requests = open_requests_.count(),
                      .inflight_bytes = budget_.used_bytes()};
      },
      IsaInUse());
  ATTENTION_ASSIGN_OR_RETURN(
      listener_, GrpcListener::Create({.options = options_,
                                       .topology = topology_,
                                       .registry = registry_,
                                       .engine = *engine_,
                                       .metrics = *metrics_,
                                       .open_requests = open_requests_,
                                       .budget = budget_,
                                       .statistics = statistics_,
                                       .ready = ready_}));
  if (options_.metrics_port >= 0) {
    ATTENTION_ASSIGN_OR_RETURN(
        metrics_port_, metrics_->Serve(options_.host, options_.metrics_port));
  }
  if (!options_.port_file.empty()) {
    ATTENTION_RETURN_IF_ERROR(
        WritePortFile(options_.port_file, grpc_port(), metrics_port_));
  }
  LogStart();
  return absl::OkStatus();
}

absl::Status Server::Impl::LoadAll() {
  const DType compute_dtype = *ParseComputeDType(options_.compute_dtype);
  if (options_.demo_model) {
    const absl::Status status = Register(LoadEmbeddedModels(
        kDemoModelName, DemoModelConfig(), DemoModelWeights(), compute_dtype));
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("--demo-model: ", status.message()));
    }
  }
  for (const std::string& text : options_.models) {
    ATTENTION_ASSIGN_OR_RETURN(const ModelSource source,
                               ParseModelSource(text));
    const absl::Status status =
        Register(LoadModels(source.name, source.path,
                            source.compute_dtype.value_or(compute_dtype)));
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("--model ", text, ": ",
                                                      status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status Server::Impl::Register(const absl::StatusOr<Models>& models) {
  ATTENTION_RETURN_IF_ERROR(models.status());
  for (const std::shared_ptr<const Model>& model : *models) {
    ATTENTION_RETURN_IF_ERROR(registry_.Add(model));
    Log(LogLevel::kDebug, "model_loaded",
        {{"model", model->name()},
         {"embed_dim", model->embed_dim()},
         {"num_heads", model->spec().num_heads},
         {"compute_dtype", ComputeDTypeName(model->spec().compute_dtype)},
         {"parameter_bytes", model->weights().ParameterBytes()}});
  }
  return absl::OkStatus();
}

void Server::Impl::LogStart() const {
  const EngineOptions& engine = engine_->options();
  Log(LogLevel::kInfo, "listening",
      {{"version", kVersion},
       {"host", options_.host},
       {"grpc_port", std::int64_t{grpc_port()}},
       {"metrics_port", std::int64_t{metrics_port_}},
       {"models", static_cast<std::int64_t>(registry_.List().size())}});
  // The thread plan: what there is, and what is used of it.
  Log(LogLevel::kInfo, "threads",
      {{"workers", std::int64_t{engine.num_workers}},
       {"pinned", engine.pin_workers},
       {"affinity_cpus", std::int64_t{topology_.affinity_cpus}},
       {"physical_cores", std::int64_t{topology_.physical_cores}},
       {"quota_cpus", topology_.quota_cpus},
       {"cpu", topology_.model_name},
       {"isa", IsaInUse()}});
}

absl::Status Server::Impl::WarmUp() {
  ATTENTION_RETURN_IF_ERROR(attention::WarmUp(*engine_, registry_.List()));
  ready_ = true;
  listener_->SetServing(true);
  return absl::OkStatus();
}

void Server::Impl::Stop() {
  if (std::exchange(stopped_, true) || listener_ == nullptr) return;
  ready_ = false;
  listener_->SetServing(false);
  Log(LogLevel::kInfo, "stopping",
      {{"drain_delay_seconds", options_.drain_delay_seconds},
       {"drain_seconds", options_.drain_seconds},
       {"open_requests", open_requests_.count()}});
  std::this_thread::sleep_for(
      std::chrono::duration<double>(options_.drain_delay_seconds));
  listener_->CloseConnections();
  engine_->Close();
  open_requests_.Close();
  const bool drained = open_requests_.WaitUntilNone(
      std::chrono::duration<double>(options_.drain_seconds));
  if (!drained) {
    Log(LogLevel::kWarning, "drain_timed_out",
        {{"cancelled_requests", open_requests_.count()}});
  }
  listener_->Shutdown();
  Log(LogLevel::kInfo, "stopped", {{"drained", drained}});
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  ATTENTION_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Stop(); }

absl::Status Server::WarmUp() { return impl_->WarmUp(); }

void Server::Stop() { impl_->Stop(); }

int Server::grpc_port() const { return impl_->grpc_port(); }

int Server::metrics_port() const { return impl_->metrics_port(); }

}  // namespace attention
