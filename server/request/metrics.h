// What Prometheus sees of the server; the table is in server/README.md.
#ifndef SERVER_REQUEST_METRICS_H_
#define SERVER_REQUEST_METRICS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "core/engine/request.h"

namespace attention {

// The value of the label `model` where a request names a model that there is
// not: clients must not be able to make new time series.
inline constexpr char kUnknownModelLabel[] = "unknown";

// Numbers that are read when somebody asks for them.
struct Gauges {
  EngineStats engine{};
  std::int64_t open_requests = 0;
  std::int64_t inflight_bytes = 0;
};

// Thread-safe.
class Metrics {
 public:
  // `gauges` is called by every scrape.
  Metrics(std::function<Gauges()> gauges, const std::string& isa);
  ~Metrics();

  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Counts a request that has ended. `model` is the name of a registered model
  // or kUnknownModelLabel; `timing` and `tokens` count when it succeeded.
  void CountRequest(const std::string& model, const absl::Status& status,
                    std::int64_t tokens, const AttentionTiming& timing);

  // Serves /metrics over HTTP until destroyed; port 0 takes any free one.
  // Returns the port, or FailedPrecondition when it cannot be had. Once.
  absl::StatusOr<int> Serve(const std::string& host, int port);

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // SERVER_REQUEST_METRICS_H_
