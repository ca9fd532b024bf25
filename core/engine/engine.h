// Requests in, results out: queue, ragged batches and worker pool.
#ifndef CORE_ENGINE_ENGINE_H_
#define CORE_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine_options.h"
#include "core/engine/kernel.h"
#include "core/engine/request.h"

namespace attention {

// What the engine holds at one moment.
struct EngineStats {
  std::int64_t queued_requests = 0;
  std::int64_t queued_tokens = 0;
  std::int64_t running_requests = 0;
  std::int64_t running_batches = 0;
};

// Thread-safe. Owns the worker threads.
//
// LATENCY. A request is batched the moment a worker is free; nothing ever waits
// for company. BACKPRESSURE. Submit never blocks; what does not fit is refused.
// PRIORITY. It orders what waits, strictly: a lower one may starve, until its
// deadline. What runs is not interrupted, and shares the workers whatever its
// priority; what waits is not driven out of a full queue by what comes later.
// ISOLATION. A sequence gives bitwise the same answer in any batch, with any
// number of workers.
class Engine {
 public:
  // Validates the options and starts the workers; ResourceExhausted when the
  // system has no threads for them. `clock` and `kernel` outlive
  // the engine.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(
      const EngineOptions& options, const Clock& clock = SystemClock(),
      const Kernel& kernel = AttentionKernel());

  // Refuses what is queued with Unavailable, finishes what is running.
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes the request; request.done says how it ended:
  //   OK                 the outputs are written
  //   InvalidArgument    no sequences, one without queries, more than a batch
  //                      or the queue can ever hold, or no such priority
  //   ResourceExhausted  the queue is full, or memory is
  //   DeadlineExceeded   expired, waiting or half done
  //   Cancelled          cancelled, waiting or half done
  //   Unavailable        the engine is closed
  //   Internal           oneDNN failed
  // Widths must fit the model: they are checked by whoever makes the sequences.
  void Submit(AttentionRequest request);

  // From now on Submit refuses; what was accepted is finished.
  void Close();

  // True once nothing is queued or running, false after `timeout`.
  bool WaitUntilIdle(Clock::Duration timeout);

  EngineStats Stats() const;
  // As in effect: num_workers is never 0 here.
  const EngineOptions& options() const;

 private:
  class Impl;

  explicit Engine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace attention

#endif  // CORE_ENGINE_ENGINE_H_
