// One thread that sends and one that receives.
#ifndef CLIENT_LOAD_LANE_H_
#define CLIENT_LOAD_LANE_H_

#include <grpcpp/completion_queue.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "client/load/caller.h"
#include "client/load/deployment.h"
#include "client/load/progress_line.h"
#include "client/load/protocol.h"
#include "client/load/request_pool.h"
#include "client/load/trial_record.h"
#include "core/base/mutex.h"

namespace attention::load {

// What a run sends, how and where, shared by its lanes.
struct RunSetup {
  Deployment& deployment;
  // Outlives the deployment.
  const std::vector<PreparedRequest>& requests;
  // That of the requests.
  const Protocol& protocol = TypedProtocol();
  // For requests that have none of their own.
  std::chrono::milliseconds default_deadline = std::chrono::seconds(10);
  int lanes = 1;
  // That the process may use.
  double cpus = std::numeric_limits<double>::infinity();
  // Streams of a lane; 0: a call for each request.
  int streams = 0;
  // Of all lanes together; an open loop drops what would exceed it. And whether
  // that is because the streams carry no more.
  std::int64_t max_in_flight = 10'000;
  bool is_limited_by_streams = false;
  double verify_share = 0;
  std::uint64_t seed = 1;
};

// A share of the load of each trial, one trial after another without a pause.
class Lane {
 public:
  Lane(const RunSetup& setup, int index, const std::vector<Trial>& trials);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Once; the first trial begins at `start`.
  void Start(SteadyClock::time_point start);

  // Returns when all requests have been sent.
  void FinishSending();

  // Then: returns when all requests have landed. From `deadline` on those
  // without a deadline of their own are cancelled.
  void Land(SteadyClock::time_point deadline);

  // After Land: one for each trial.
  std::vector<TrialRecord>& records() { return records_; }

  // What landed since the last call, added to `progress`.
  void AddProgress(Progress& progress);

  // CPU time of the thread that sends and of the one that receives. Between
  // Start and FinishSending.
  std::array<Seconds, 2> ThreadTimes();

 private:
  void SendOpenLoop(std::size_t trial);
  void SendClosedLoop(std::size_t trial);
  void SendAll();
  void SendNext(std::size_t trial, SteadyClock::time_point intended);
  void GiveUp(std::size_t trial, SteadyClock::time_point intended);
  void Receive();
  void OnLanded(const Flight& flight, const Landing& landing);
  SteadyClock::time_point EndOf(std::size_t trial) const {
    return starts_[trial + 1];
  }

  const RunSetup& setup_;
  const int index_;
  const std::vector<Trial> trials_;
  // Of each trial, and the end of the last one.
  std::vector<SteadyClock::time_point> starts_;
  std::atomic<std::int64_t> in_flight_{0};

  Mutex mutex_;
  std::condition_variable_any changed_;
  bool may_leave_ ABSL_GUARDED_BY(mutex_) = false;
  // Draws requests from the pool.
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::vector<TrialRecord> records_;  // guarded until Land returns
  std::int64_t progress_ended_[kEndings] ABSL_GUARDED_BY(mutex_) = {};
  Histogram progress_latency_ ABSL_GUARDED_BY(mutex_);

  grpc::CompletionQueue queue_;
  std::unique_ptr<Caller> caller_;
  std::thread receiver_;
  std::thread sender_;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_LANE_H_
