// What one lane has seen of one trial.
#ifndef CLIENT_LOAD_TRIAL_RECORD_H_
#define CLIENT_LOAD_TRIAL_RECORD_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

#include "client/load/draws.h"
#include "client/load/flight.h"
#include "client/load/message_counts.h"
#include "client/load/request_pool.h"
#include "client/load/step.h"
#include "client/load/trial.h"

namespace attention::load {

// An answer that is kept to be verified after the run.
struct KeptAnswer {
  std::size_t request = 0;  // in the pool
  grpc::ByteBuffer bytes{};
  double draw = 0;  // the smaller, the longer it is kept
};

// Endings and latencies are those of what was meant to start in the measured
// part; throughput is what came in it. Not thread-safe.
class TrialRecord {
 public:
  // As many are verified in some seconds.
  static constexpr std::size_t kMaxKept = 256;

  // `start` is that of the warm-up. Of a `verify_share` of the answers as many
  // as fit `max_kept_bytes` and kMaxKept are kept, from all of the trial; one
  // at least, unless the share is 0.
  TrialRecord(const Trial& trial, SteadyClock::time_point start,
              double verify_share, std::int64_t max_kept_bytes,
              std::uint64_t seed);

  // A request was meant to start then, and does, or is dropped.
  void AddOffered(SteadyClock::time_point intended);
  void AddDropped(SteadyClock::time_point intended);
  // The same, because the trial is over.
  void AddTooLate(SteadyClock::time_point intended);
  void AddLanded(const Flight& flight, const Landing& landing,
                 const PreparedRequest& request);

  void Merge(const TrialRecord& other);

  // All but what verifying and the CPU clocks say, and only once: of each trial
  // there are many numbers, so they are moved.
  Step TakeStep();
  const std::vector<KeptAnswer>& kept() const { return kept_; }

 private:
  struct Second {
    std::int64_t offered = 0;
    std::int64_t ended[kEndings] = {};
    std::int64_t completed = 0;
    Histogram latency;  // of the answered
  };

  bool IsMeasured(SteadyClock::time_point time) const {
    return time >= measured_ && time < end_;
  }
  Second& SecondOf(SteadyClock::time_point time);
  void AddCompleted(const Landing& landing, const PreparedRequest& request);
  void Keep(const Flight& flight, const Landing& landing);

  SteadyClock::time_point measured_;  // when the measured part begins
  SteadyClock::time_point end_;
  std::int64_t max_kept_bytes_;
  Draws draws_;
  Step step_;
  std::vector<Second> seconds_;
  MessageCounts messages_;  // "CODE: text"
  // All whose draw is below the limit, and perhaps the first one; a heap, the
  // largest draw in front.
  std::vector<KeptAnswer> kept_;
  double draw_limit_;
  std::int64_t kept_bytes_ = 0;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_TRIAL_RECORD_H_
