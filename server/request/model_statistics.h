// Counts and times of each model since the start, as clients ask for them.
#ifndef SERVER_REQUEST_MODEL_STATISTICS_H_
#define SERVER_REQUEST_MODEL_STATISTICS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/mutex.h"

namespace attention {

// How often something happened and how long it took, all together.
struct CountedTime {
  std::int64_t count = 0;
  std::chrono::nanoseconds time{0};

  void Add(std::chrono::nanoseconds once);
};

// What one request adds.
struct RequestTimes {
  bool ok = false;
  // From its arrival to its answer.
  std::chrono::nanoseconds total{0};
  // The phases of a request that succeeded: reading and checking it, its wait,
  // its batch, and clearing up for the answer.
  std::chrono::nanoseconds input{0};
  std::chrono::nanoseconds queue{0};
  std::chrono::nanoseconds compute{0};
  std::chrono::nanoseconds output{0};
  std::int64_t sequences = 0;
  // Requests in its batch, itself included.
  std::int64_t batch_requests = 0;
};

// Of one model.
struct ModelCounts {
  CountedTime success{};
  CountedTime fail{};
  CountedTime queue{};
  CountedTime input{};
  CountedTime compute{};
  CountedTime output{};
  // Sequences of requests that succeeded.
  std::int64_t sequences = 0;
  // Batches: each request counts its share of the one that it was in.
  double batches = 0;
  // When the last request succeeded.
  std::chrono::system_clock::time_point last{};
};

// Thread-safe.
class ModelStatistics {
 public:
  // `model` is one that there is or was.
  void Record(const std::string& model, const RequestTimes& times)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Zeros for a model that was never asked.
  ModelCounts Of(const std::string& model) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, ModelCounts> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention

#endif  // SERVER_REQUEST_MODEL_STATISTICS_H_
