#include "server/request/metrics.h"

#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/exposer.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/base/address.h"
#include "server/base/version.h"

namespace attention {
namespace {

using prometheus::MetricFamily;

prometheus::Histogram::BucketBoundaries SecondsBuckets() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
}

prometheus::Histogram::BucketBoundaries PowersOfTwo(int last) {
  prometheus::Histogram::BucketBoundaries buckets;
  for (int power = 0; power <= last; ++power) {
    buckets.push_back(static_cast<double>(std::int64_t{1} << power));
  }
  return buckets;
}

class GaugesCollector : public prometheus::Collectable {
 public:
  explicit GaugesCollector(std::function<Gauges()> gauges)
      : gauges_(std::move(gauges)) {}

  std::vector<MetricFamily> Collect() const override {
    const Gauges gauges = gauges_();
    const EngineStats& stats = gauges.engine;
    return {Gauge("attention_queued_requests", "Requests that wait",
                  stats.queued_requests),
            Gauge("attention_queued_tokens", "Tokens that wait",
                  stats.queued_tokens),
            Gauge("attention_running_requests", "Requests being computed",
                  stats.running_requests),
            Gauge("attention_running_batches", "Batches being computed",
                  stats.running_batches),
            Gauge("attention_open_requests",
                  "Requests whose answer is not sent", gauges.open_requests),
            Gauge("attention_inflight_bytes",
                  "Memory of requests and of answers that are not sent",
                  gauges.inflight_bytes)};
  }

 private:
  static MetricFamily Gauge(const char* name, const char* help,
                            std::int64_t value) {
    prometheus::ClientMetric metric;
    metric.gauge.value = static_cast<double>(value);
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Gauge;
    family.metric.push_back(std::move(metric));
    return family;
  }

  std::function<Gauges()> gauges_;
};

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const char* name, const char* help,
    const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({}, buckets);
}

}  // namespace

class Metrics::Impl {
 public:
  Impl(std::function<Gauges()> gauges, const std::string& isa)
      : gauges_(std::make_shared<GaugesCollector>(std::move(gauges))) {
    prometheus::BuildGauge()
        .Name("attention_build_info")
        .Help("1, with the version and the vector instructions in use")
        .Register(*registry_)
        .Add({{"version", kVersion}, {"isa", isa}})
        .Set(1);
  }

  void CountRequest(const std::string& model, const absl::Status& status,
                    std::int64_t tokens, const AttentionTiming& timing) {
    const std::string code =
        status.ok() ? "OK" : absl::StatusCodeToString(status.code());
    requests_.Add({{"model", model}, {"code", code}}).Increment();
    if (!status.ok()) return;
    tokens_.Add({{"model", model}}).Increment(static_cast<double>(tokens));
    queue_seconds_.Observe(Seconds(timing.queue));
    compute_seconds_.Observe(Seconds(timing.compute));
    batch_requests_.Observe(static_cast<double>(timing.batch_requests));
    batch_tokens_.Observe(static_cast<double>(timing.batch_tokens));
  }

  absl::StatusOr<int> Serve(const std::string& host, int port) {
    const std::string address = JoinAddress(host, port);
    try {
      exposer_ = std::make_unique<prometheus::Exposer>(address);
    } catch (const std::exception& error) {
      return absl::FailedPreconditionError(absl::StrCat(
          "--metrics-port: cannot listen on ", address,
          "; the port is in use or the address is not of this machine, choose "
          "another, or -1 for none"));
    }
    exposer_->RegisterCollectable(registry_);
    exposer_->RegisterCollectable(gauges_);
    return exposer_->GetListeningPorts().front();
  }

 private:
  const std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  const std::shared_ptr<GaugesCollector> gauges_;
  prometheus::Family<prometheus::Counter>& requests_ =
      prometheus::BuildCounter()
          .Name("attention_requests_total")
          .Help("Requests that have ended")
          .Register(*registry_);
  prometheus::Family<prometheus::Counter>& tokens_ =
      prometheus::BuildCounter()
          .Name("attention_tokens_total")
          .Help("Tokens of requests that succeeded")
          .Register(*registry_);
  prometheus::Histogram& queue_seconds_ =
      AddHistogram(*registry_, "attention_queue_seconds",
                   "Wait of a request for its batch", SecondsBuckets());
  prometheus::Histogram& compute_seconds_ =
      AddHistogram(*registry_, "attention_compute_seconds",
                   "Computation of a request's batch", SecondsBuckets());
  prometheus::Histogram& batch_requests_ =
      AddHistogram(*registry_, "attention_batch_requests",
                   "Requests in the batch of a request", PowersOfTwo(10));
  prometheus::Histogram& batch_tokens_ =
      AddHistogram(*registry_, "attention_batch_tokens",
                   "Tokens in the batch of a request", PowersOfTwo(16));
  // Last: its threads read all of the above.
  std::unique_ptr<prometheus::Exposer> exposer_;
};

Metrics::Metrics(std::function<Gauges()> gauges, const std::string& isa)
    : impl_(std::make_unique<Impl>(std::move(gauges), isa)) {}

Metrics::~Metrics() = default;

void Metrics::CountRequest(const std::string& model, const absl::Status& status,
                           std::int64_t tokens, const AttentionTiming& timing) {
  impl_->CountRequest(model, status, tokens, timing);
}

absl::StatusOr<int> Metrics::Serve(const std::string& host, int port) {
  return impl_->Serve(host, port);
}

}  // namespace attention
