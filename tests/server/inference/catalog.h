// What the calls of the protocol need, around models whose weights are zero,
// without listeners.
#ifndef TESTS_SERVER_INFERENCE_CATALOG_H_
#define TESTS_SERVER_INFERENCE_CATALOG_H_

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "core/base/cpu.h"
#include "core/engine/engine.h"
#include "server/inference/inference_context.h"
#include "server/inference/shared_memory.h"
#include "server/request/model_store.h"
#include "server/request/service_context.h"

namespace attention::oip {

// Serves bert/0 and bert/1, from "bert": embed_dim 8, two heads of 4, 256
// parameters in f32; and "cross", the same but for kdim 6 and vdim 5.
class Catalog {
 public:
  explicit Catalog(ServerOptions options = {});

  const InferenceContext& context() const { return context_; }
  ModelStatistics& statistics() { return statistics_; }
  void SetReady(bool ready) { ready_ = ready; }

  // From now on called before a model is read, on the thread that loads; an
  // error is what the reading says. Not while one is loaded.
  void BeforeRead(std::function<absl::Status()> before_read) {
    before_read_ = std::move(before_read);
  }

 private:
  absl::StatusOr<Models> Read(const Models& models) const;

  const ServerOptions options_;
  const CpuTopology topology_;
  std::function<absl::Status()> before_read_;
  ModelRegistry registry_;
  const std::unique_ptr<Engine> engine_;
  OpenRequests open_requests_;
  MemoryBudget budget_;
  Metrics metrics_;
  ModelStatistics statistics_;
  std::atomic<bool> ready_ = true;
  SharedMemory shared_memory_;
  ModelStore models_;
  const ServiceContext service_;
  const InferenceContext context_;
};

}  // namespace attention::oip

#endif  // TESTS_SERVER_INFERENCE_CATALOG_H_
