// One thread that sends and one that receives.
#include "client/load/lane.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

#include "client/load/arrival_times.h"

namespace attention::load {
namespace {

// Of answers that are kept to be verified, over all lanes and trials.
constexpr std::int64_t kMaxKeptBytes = std::int64_t{256} << 20;

// How far behind requests of a trial are still sent when it is over. Without an
// end, a client that cannot offer a rate would go on for many times the trial,
// into those that follow.
constexpr std::chrono::milliseconds kGrace(500);

// Arrivals have the seeds that follow that of the run: requests are drawn from
// others, so that neither says anything of the other.
constexpr std::uint64_t kRequestSeeds = std::uint64_t{1} << 63;

// The kernel may otherwise wake a sleeper 50 us late, to save power.
void WakeOnTime() { prctl(PR_SET_TIMERSLACK, 1); }

Seconds CpuTimeOf(std::thread& thread) {
  clockid_t clock{};
  timespec time{};
  if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    return Seconds(0);
  }
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Lane::Lane(const RunSetup& setup, int index, const std::vector<Trial>& trials)
    : setup_(setup),
      index_(index),
      trials_(trials),
      random_(setup.seed + kRequestSeeds + static_cast<std::uint64_t>(index)) {
  CallerSetup calls{
      .deployment = setup.deployment,
      .requests = setup.requests,
      .protocol = setup.protocol,
      .default_deadline = setup.default_deadline,
      .queue = queue_,
      .on_landed = [this](const Flight& flight, const Landing& landing) {
        OnLanded(flight, landing);
      }};
  caller_ = setup.streams > 0
                ? MakeStreamCaller(std::move(calls), setup.streams)
                : MakeUnaryCaller(std::move(calls));
}

Lane::~Lane() {
  if (sender_.joinable()) {
    FinishSending();
    Land(SteadyClock::now());
  }
  queue_.Shutdown();
  if (receiver_.joinable()) receiver_.join();
}

void Lane::Start(SteadyClock::time_point start) {
  const std::int64_t max_kept_bytes =
      kMaxKeptBytes / setup_.lanes / static_cast<std::int64_t>(trials_.size());
  {
    const MutexLock lock(mutex_);
    for (const Trial& trial : trials_) {
      starts_.push_back(start);
      records_.emplace_back(trial, start, setup_.verify_share, max_kept_bytes,
                            random_());
      start += ToClock(trial.warm_up) + ToClock(trial.duration);
    }
  }
  starts_.push_back(start);
  receiver_ = std::thread([this] { Receive(); });
  sender_ = std::thread([this] { SendAll(); });
}

void Lane::FinishSending() {
  {
    const MutexLock lock(mutex_);
    may_leave_ = true;
    changed_.notify_all();
  }
  sender_.join();
}

void Lane::Land(SteadyClock::time_point deadline) {
  const auto nothing_flies = [this] { return in_flight_ == 0; };
  {
    const MutexLock lock(mutex_);
    changed_.wait_until(mutex_, deadline, nothing_flies);
  }
  caller_->Finish();
  const MutexLock lock(mutex_);
  changed_.wait(mutex_, nothing_flies);
}

void Lane::SendAll() {
  WakeOnTime();
  for (std::size_t trial = 0; trial < trials_.size(); ++trial) {
    if (trials_[trial].load.arrivals == Arrivals::kClosed) {
      SendClosedLoop(trial);
    } else {
      SendOpenLoop(trial);
    }
  }
  // The CPU clock of a thread that has ended can no longer be read.
  const MutexLock lock(mutex_);
  changed_.wait(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return may_leave_;
  });
}

// Arrivals of the lanes add up: a sum of Poisson processes is one, and constant
// ones are set apart.
void Lane::SendOpenLoop(std::size_t trial) {
  const Load& load = trials_[trial].load;
  const double rate = load.rate / setup_.lanes;
  const SteadyClock::time_point start =
      starts_[trial] + (load.arrivals == Arrivals::kConstant
                            ? ToClock(Seconds(index_ / load.rate))
                            : SteadyClock::duration(0));
  ArrivalTimes arrivals(load.arrivals, rate,
                        setup_.seed +
                            (trial * static_cast<std::size_t>(setup_.lanes)) +
                            static_cast<std::size_t>(index_));
  for (;;) {
    const SteadyClock::time_point intended = start + arrivals.Next();
    if (intended >= EndOf(trial)) break;
    std::this_thread::sleep_until(intended);
    if (SteadyClock::now() < EndOf(trial) + kGrace) {
      SendNext(trial, intended);
    } else {
      GiveUp(trial, intended);
    }
  }
  std::this_thread::sleep_until(EndOf(trial));
}

// Starts the lane's share; whoever lands sends the next.
void Lane::SendClosedLoop(std::size_t trial) {
  std::this_thread::sleep_until(starts_[trial]);
  const int concurrency = trials_[trial].load.concurrency;
  for (int i = index_; i < concurrency; i += setup_.lanes) {
    SendNext(trial, SteadyClock::now());
  }
  std::this_thread::sleep_until(EndOf(trial));
}

void Lane::SendNext(std::size_t trial, SteadyClock::time_point intended) {
  const bool is_open = trials_[trial].load.arrivals != Arrivals::kClosed;
  // At least one each, however many lanes share the limit.
  const bool drops =
      is_open && in_flight_ * setup_.lanes >= setup_.max_in_flight;
  std::size_t request = 0;
  {
    const MutexLock lock(mutex_);
    records_[trial].AddOffered(intended);
    if (drops) records_[trial].AddDropped(intended);
    // Neighbours are drawn apart, or each target would get a part of the pool.
    request = random_() % setup_.requests.size();
  }
  if (drops) return;
  ++in_flight_;
  caller_->Send({.request = request,
                 .trial = trial,
                 .intended = intended,
                 .sent = is_open ? SteadyClock::now() : intended});
}

void Lane::GiveUp(std::size_t trial, SteadyClock::time_point intended) {
  const MutexLock lock(mutex_);
  records_[trial].AddOffered(intended);
  records_[trial].AddTooLate(intended);
}

void Lane::Receive() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) static_cast<Completion*>(tag)->Complete(ok);
}

void Lane::OnLanded(const Flight& flight, const Landing& landing) {
  const PreparedRequest& request = setup_.requests[flight.request];
  const bool is_closed =
      trials_[flight.trial].load.arrivals == Arrivals::kClosed;
  // Before it is counted, so that Land does not see an empty sky.
  if (is_closed && landing.ended < EndOf(flight.trial)) {
    SendNext(flight.trial, SteadyClock::now());
  }
  const MutexLock lock(mutex_);
  records_[flight.trial].AddLanded(flight, landing, request);
  ++progress_ended_[static_cast<std::size_t>(landing.ending)];
  if (landing.ending == Ending::kAnswered) {
    progress_latency_.Record(landing.ended - flight.intended);
  }
  if (--in_flight_ == 0) changed_.notify_all();
}

void Lane::AddProgress(Progress& progress) {
  const MutexLock lock(mutex_);
  for (int e = 0; e < kEndings; ++e) {
    progress.ended[e] += progress_ended_[e];
    progress_ended_[e] = 0;
  }
  progress.latency.Merge(progress_latency_);
  progress_latency_ = Histogram();
  progress.in_flight += in_flight_;
}

std::array<Seconds, 2> Lane::ThreadTimes() {
  return {CpuTimeOf(sender_), CpuTimeOf(receiver_)};
}

}  // namespace attention::load
