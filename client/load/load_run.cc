// Runs trials against a deployment.
#include "client/load/load_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/load/message_counts.h"
#include "client/load/validity.h"

namespace attention::load {
namespace {

constexpr std::chrono::milliseconds kProgressPeriod(500);
constexpr std::chrono::milliseconds kHealthPeriod(100);
// Before the first request, so that no lane is late for it.
constexpr std::chrono::milliseconds kLead(20);

Seconds CpuTimeOfProcess() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return Seconds(std::chrono::seconds(time.tv_sec) +
                   std::chrono::microseconds(time.tv_usec));
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// How long the last request may be under way.
std::chrono::milliseconds LongestDeadline(const RunSetup& setup) {
  std::chrono::milliseconds longest{0};
  for (const PreparedRequest& request : setup.requests) {
    longest =
        std::max(longest, request.deadline.value_or(setup.default_deadline));
  }
  return longest;
}

struct CpuTimes {
  Seconds process{0};
  std::vector<Seconds> threads{};  // of all lanes
};

class Run {
 public:
  Run(const RunSetup& setup, const std::vector<Trial>& trials,
      const OnProgress& on_progress)
      : setup_(setup), trials_(trials), on_progress_(on_progress) {
    for (int i = 0; i < setup.lanes; ++i) {
      lanes_.push_back(std::make_unique<Lane>(setup_, i, trials_));
    }
    now_ = SteadyClock::now() + kLead;
    shown_ = now_;
    for (const auto& lane : lanes_) lane->Start(now_);
  }

  std::vector<Step> Watch() {
    std::vector<std::pair<CpuTimes, CpuTimes>> cpu;
    for (const Trial& trial : trials_) {
      trial_ = &trial;
      trial_start_ = now_;
      WatchUntil(now_ + ToClock(trial.warm_up));
      CpuTimes before = ReadCpu();
      WatchUntil(now_ + ToClock(trial.duration));
      cpu.emplace_back(std::move(before), ReadCpu());
    }
    Land();
    std::vector<Step> steps;
    for (std::size_t t = 0; t < trials_.size(); ++t) {
      for (const auto& lane : lanes_) {
        if (lane != lanes_.front()) {
          records_[t].Merge(lane->records()[t]);
        } else {
          records_.push_back(std::move(lane->records()[t]));
        }
      }
      steps.push_back(records_[t].TakeStep());
      AddCpu(cpu[t].first, cpu[t].second, steps.back());
      steps.back().invalid =
          WhyInvalid(steps.back(),
                     {.threads = 2 * setup_.lanes,
                      .cpus = setup_.cpus,
                      .max_in_flight = setup_.max_in_flight,
                      .is_limited_by_streams = setup_.is_limited_by_streams});
    }
    return steps;
  }

  const std::vector<KeptAnswer>& KeptOf(std::size_t trial) const {
    return records_[trial].kept();
  }

 private:
  CpuTimes ReadCpu() {
    CpuTimes times{.process = CpuTimeOfProcess()};
    for (const auto& lane : lanes_) {
      for (const Seconds time : lane->ThreadTimes()) {
        times.threads.push_back(time);
      }
    }
    return times;
  }

  void AddCpu(const CpuTimes& before, const CpuTimes& after, Step& step) const {
    step.client_cores = (after.process - before.process) / step.duration;
    for (std::size_t i = 0; i < after.threads.size(); ++i) {
      step.busiest_thread =
          std::max(step.busiest_thread,
                   (after.threads[i] - before.threads[i]) / step.duration);
    }
  }

  void WatchUntil(SteadyClock::time_point end) {
    while (now_ < end) {
      now_ = std::min(end, now_ + kHealthPeriod);
      std::this_thread::sleep_until(now_);
      setup_.deployment.RefreshHealth();
      if (now_ - shown_ >= kProgressPeriod) Show();
    }
  }

  // The same time for all lanes, or each would be given one after the other.
  void Land() {
    for (const auto& lane : lanes_) lane->FinishSending();
    const auto deadline = SteadyClock::now() + LongestDeadline(setup_);
    for (const auto& lane : lanes_) lane->Land(deadline);
  }

  void Show() {
    const Seconds elapsed = now_ - trial_start_;
    Progress progress{.load = trial_->load,
                      .elapsed = elapsed,
                      .total = trial_->warm_up + trial_->duration,
                      .is_warm_up = elapsed <= trial_->warm_up,
                      .window = now_ - shown_};
    for (const auto& lane : lanes_) lane->AddProgress(progress);
    shown_ = now_;
    if (on_progress_) on_progress_(progress);
  }

  const RunSetup& setup_;
  const std::vector<Trial>& trials_;
  const OnProgress& on_progress_;
  SteadyClock::time_point now_{};
  SteadyClock::time_point shown_{};
  const Trial* trial_ = nullptr;
  SteadyClock::time_point trial_start_{};
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<TrialRecord> records_;
};

void Verify(const RunSetup& setup, const std::vector<KeptAnswer>& kept,
            Verifier& verifier, Step& step) {
  for (const KeptAnswer& answer : kept) {
    const auto result = setup.protocol.Parse(
        answer.bytes, setup.streams > 0 ? Way::kStream : Way::kUnary);
    const absl::Status status =
        result.ok() ? verifier.Check(setup.requests[answer.request], *result)
                    : result.status();
    ++step.verified;
    if (status.ok()) continue;
    ++step.wrong;
    // One is enough to see what is wrong.
    if (step.wrong == 1) {
      step.messages[absl::StrCat(kWrongAnswer, status.message())] = 1;
    }
  }
}

absl::Status Check(const RunSetup& setup, const std::vector<Trial>& trials) {
  if (setup.requests.empty() || trials.empty()) {
    return absl::InvalidArgumentError("there is nothing to send");
  }
  for (const Trial& trial : trials) {
    const bool is_closed = trial.load.arrivals == Arrivals::kClosed;
    if (is_closed ? trial.load.concurrency < 1 : !(trial.load.rate > 0)) {
      return absl::InvalidArgumentError(is_closed ? "concurrency is below 1"
                                                  : "the rate is not above 0");
    }
    if (!(trial.duration > Seconds(0)) ||
        !std::isfinite(trial.duration.count())) {
      return absl::InvalidArgumentError(
          "the duration is not above 0 and finite");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Step>> RunTrials(const RunSetup& setup,
                                            const std::vector<Trial>& trials,
                                            Verifier* verifier,
                                            const OnProgress& on_progress) {
  if (absl::Status status = Check(setup, trials); !status.ok()) return status;
  Run run(setup, trials, on_progress);
  std::vector<Step> steps = run.Watch();
  if (verifier == nullptr) return steps;
  for (std::size_t t = 0; t < steps.size(); ++t) {
    Verify(setup, run.KeptOf(t), *verifier, steps[t]);
  }
  return steps;
}

}  // namespace attention::load
