#include "server/server.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
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
#include "server/http/http_listener.h"
#include "server/inference/inference_context.h"
#include "server/request/memory_budget.h"
#include "server/request/metrics.h"
#include "server/request/model_store.h"
#include "server/request/open_requests.h"
#include "server/request/service_context.h"
#include "server/rest/rest_service.h"
#include "server/warm_up.h"

namespace attention {

namespace {

// Reads models, and says in the log what they are.
ModelOrigin OriginOf(std::string name, std::string flag,
                     std::function<absl::StatusOr<Models>()> read) {
  return {
      .name = std::move(name),
      .flag = std::move(flag),
      .read = [read = std::move(read)]() -> absl::StatusOr<Models> {
        ATTENTION_ASSIGN_OR_RETURN(Models models, read());
        for (const auto& model : models) {
          Log(LogLevel::kDebug, "model_loaded",
              {{"model", model->name()},
               {"embed_dim", model->embed_dim()},
               {"num_heads", model->spec().num_heads},
               {"compute_dtype", ComputeDTypeName(model->spec().compute_dtype)},
               {"parameter_bytes", model->weights().ParameterBytes()}});
        }
        return models;
      }};
}

// REQUIRES: options.Validate() is OK.
std::vector<ModelOrigin> OriginsOf(const ServerOptions& options) {
  const DType compute_dtype = *ParseComputeDType(options.compute_dtype);
  std::vector<ModelOrigin> origins;
  if (options.demo_model) {
    origins.push_back(OriginOf(kDemoModelName, "--demo-model", [compute_dtype] {
      return LoadEmbeddedModels(kDemoModelName, DemoModelConfig(),
                                DemoModelWeights(), compute_dtype);
    }));
  }
  for (const std::string& text : options.models) {
    const ModelSource source = *ParseModelSource(text);
    origins.push_back(OriginOf(
        source.name, absl::StrCat("--model ", text), [source, compute_dtype] {
          return LoadModels(source.name, source.path,
                            source.compute_dtype.value_or(compute_dtype));
        }));
  }
  return origins;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(ServerOptions options) : options_(std::move(options)) {}

  absl::Status Start();
  absl::Status WarmUp();
  void Stop();

  const Ports& ports() const { return ports_; }

 private:
  absl::Status Listen();
  void LogStart() const;

  // Destroyed from the last to the first: the listeners wait for their calls,
  // whose requests need the engine, whose models and options are before it.
  const ServerOptions options_;
  const CpuTopology topology_ = ReadCpuTopology();
  ModelRegistry registry_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ModelStore> models_;
  OpenRequests open_requests_;
  MemoryBudget budget_{options_.max_inflight_bytes};
  ModelStatistics statistics_;
  std::unique_ptr<Metrics> metrics_;
  std::atomic<bool> ready_ = false;
  oip::SharedMemory shared_memory_;
  std::optional<ServiceContext> service_;
  std::optional<oip::InferenceContext> inference_;
  std::unique_ptr<GrpcListener> listener_;
  std::optional<oip::RestService> rest_;
  std::unique_ptr<http::HttpListener> http_;
  Ports ports_;
  bool stopped_ = false;
};

absl::Status Server::Impl::Start() {
  ATTENTION_RETURN_IF_ERROR(options_.Validate());
  if (!SetMaxIsa(*ParseMaxIsa(options_.max_isa)) && options_.max_isa != "any") {
    Log(LogLevel::kWarning, "max_isa_too_late", {{"isa", IsaInUse()}});
  }
  models_ = std::make_unique<ModelStore>(registry_, OriginsOf(options_));
  ATTENTION_RETURN_IF_ERROR(models_->LoadAll());
  ATTENTION_ASSIGN_OR_RETURN(engine_, Engine::Create(options_.engine));
  models_->SetWarmUp([this](const Models& models) {
    return attention::WarmUp(*engine_, models);
  });
  metrics_ = std::make_unique<Metrics>(
      [this] {
        return Gauges{.engine = engine_->Stats(),
                      .open_requests = open_requests_.count(),
                      .inflight_bytes = budget_.used_bytes()};
      },
      IsaInUse());
  service_.emplace(ServiceContext{.options = options_,
                                  .topology = topology_,
                                  .registry = registry_,
                                  .engine = *engine_,
                                  .metrics = *metrics_,
                                  .open_requests = open_requests_,
                                  .budget = budget_,
                                  .statistics = statistics_,
                                  .ready = ready_});
  inference_.emplace(oip::InferenceContext{.service = *service_,
                                           .models = *models_,
                                           .shared_memory = shared_memory_});
  ATTENTION_RETURN_IF_ERROR(Listen());
  LogStart();
  return absl::OkStatus();
}

absl::Status Server::Impl::Listen() {
  ATTENTION_ASSIGN_OR_RETURN(listener_, GrpcListener::Create(*inference_));
  ports_.grpc = listener_->port();
  if (options_.http_port >= 0) {
    rest_.emplace(*inference_);
    ATTENTION_ASSIGN_OR_RETURN(
        http_, http::HttpListener::Create(
                   {.host = options_.host,
                    .port = options_.http_port,
                    .max_body_bytes = options_.max_request_bytes,
                    .max_total_body_bytes = options_.max_inflight_bytes},
                   [this](std::shared_ptr<const http::Request> request,
                          http::Respond respond) {
                     rest_->Handle(std::move(request), std::move(respond));
                   }));
    ports_.http = http_->port();
  }
  if (options_.metrics_port >= 0) {
    ATTENTION_ASSIGN_OR_RETURN(
        ports_.metrics, metrics_->Serve(options_.host, options_.metrics_port));
  }
  if (options_.port_file.empty()) return absl::OkStatus();
  return WritePortFile(options_.port_file, ports_);
}

void Server::Impl::LogStart() const {
  const EngineOptions& engine = engine_->options();
  Log(LogLevel::kInfo, "listening",
      {{"version", kVersion},
       {"host", options_.host},
       {"grpc_port", std::int64_t{ports_.grpc}},
       {"http_port", std::int64_t{ports_.http}},
       {"metrics_port", std::int64_t{ports_.metrics}},
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
  if (http_ != nullptr) http_->CloseConnections();
  models_->Close();
  engine_->Close();
  open_requests_.Close();
  const bool drained = open_requests_.WaitUntilNone(
      std::chrono::duration<double>(options_.drain_seconds));
  if (!drained) {
    Log(LogLevel::kWarning, "drain_timed_out",
        {{"cancelled_requests", open_requests_.count()}});
    open_requests_.Abandon();
  }
  listener_->Shutdown();
  if (http_ != nullptr) http_->Shutdown();
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

const Ports& Server::ports() const { return impl_->ports(); }

}  // namespace attention
