// What every rpc needs, owned by the Server.
#ifndef SERVER_REQUEST_SERVICE_CONTEXT_H_
#define SERVER_REQUEST_SERVICE_CONTEXT_H_

#include <atomic>

#include "core/base/cpu.h"
#include "core/engine/engine.h"
#include "core/model/model_registry.h"
#include "server/base/options.h"
#include "server/request/memory_budget.h"
#include "server/request/metrics.h"
#include "server/request/model_statistics.h"
#include "server/request/open_requests.h"

namespace attention {

// References to thread-safe objects that outlive the gRPC server.
struct ServiceContext {
  const ServerOptions& options;
  const CpuTopology& topology;
  const ModelRegistry& registry;
  Engine& engine;
  Metrics& metrics;
  OpenRequests& open_requests;
  MemoryBudget& budget;
  ModelStatistics& statistics;
  // True once every model is warm, until the server stops.
  const std::atomic<bool>& ready;
};

}  // namespace attention

#endif  // SERVER_REQUEST_SERVICE_CONTEXT_H_
