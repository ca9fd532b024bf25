#include "server/request/model_statistics.h"

namespace attention {

void CountedTime::Add(std::chrono::nanoseconds once) {
  ++count;
  time += once;
}

void ModelStatistics::Record(const std::string& model,
                             const RequestTimes& times) {
  const auto now = std::chrono::system_clock::now();
  const MutexLock lock(mutex_);
  ModelCounts& counts = counts_[model];
  if (!times.ok) {
    counts.fail.Add(times.total);
    return;
  }
  counts.success.Add(times.total);
  counts.input.Add(times.input);
  counts.queue.Add(times.queue);
  counts.compute.Add(times.compute);
  counts.output.Add(times.output);
  counts.sequences += times.sequences;
  counts.batches += 1.0 / static_cast<double>(times.batch_requests);
  counts.last = now;
}

ModelCounts ModelStatistics::Of(const std::string& model) const {
  const MutexLock lock(mutex_);
  const auto found = counts_.find(model);
  return found == counts_.end() ? ModelCounts{} : found->second;
}

}  // namespace attention
