// What every rpc needs, owned by the Server.
#ifndef SERVER_SERVICE_CONTEXT_H_
#define SERVER_SERVICE_CONTEXT_H_

#include "core/base/cpu.h"
#include "core/engine/engine.h"
#include "core/model/model_registry.h"
#include "server/memory_budget.h"
#include "server/metrics.h"
#include "server/open_requests.h"
#include "server/options.h"

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
};

}  // namespace attention

#endif  // SERVER_SERVICE_CONTEXT_H_
