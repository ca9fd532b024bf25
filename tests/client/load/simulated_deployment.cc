// Deployments whose capacity is known, for sweeps that take no time.
#include "tests/client/load/simulated_deployment.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "client/load/arrival_times.h"
#include "client/load/objectives.h"

namespace attention::load {
namespace {

constexpr int kAnswered = static_cast<int>(Ending::kAnswered);
constexpr int kRefused = static_cast<int>(Ending::kRefused);

// See QueueOf.
class QueueModel {
 public:
  QueueModel(double capacity, double longest_wait)
      : service_(1 / capacity), longest_wait_(longest_wait) {}

  absl::StatusOr<std::vector<Step>> Run(const std::vector<Trial>& trials) {
    std::vector<Step> steps;
    start_ = std::max(start_, free_);
    under_way_.clear();
    for (const Trial& trial : trials) {
      steps.push_back(Run(trial));
    }
    return steps;
  }

 private:
  Step Run(const Trial& trial) {
    Step step;
    step.load = trial.load;
    step.duration = trial.duration;
    ArrivalTimes arrivals(trial.load.arrivals, trial.load.rate, ++seed_);
    const Seconds end = trial.warm_up + trial.duration;
    for (Seconds at = arrivals.Next(); at < end; at = arrivals.Next()) {
      const double now = start_ + at.count();
      const double wait = std::max(free_ - now, 0.0);
      const bool is_refused = wait > longest_wait_;
      if (!is_refused) {
        free_ = now + wait + service_;
        under_way_.push_back(free_);
      }
      if (at >= trial.warm_up) {
        const Seconds latency(is_refused ? 0 : wait + service_);
        const int ending = is_refused ? kRefused : kAnswered;
        ++step.offered;
        ++step.ended[ending];
        step.latency[ending].Record(
            std::chrono::duration_cast<Histogram::Duration>(latency));
      }
    }
    const double measured = start_ + trial.warm_up.count();
    start_ += end.count();
    for (; !under_way_.empty() && under_way_.front() < start_;
         under_way_.pop_front()) {
      step.completed += under_way_.front() >= measured ? 1 : 0;
    }
    return step;
  }

  const double service_;
  const double longest_wait_;
  double start_ = 0;              // of the next trial
  double free_ = 0;               // when the last accepted request is done
  std::deque<double> under_way_;  // when they will be done
  std::uint64_t seed_ = 0;
};

}  // namespace

Step StepOf(const Trial& trial, std::chrono::milliseconds latency) {
  Step step;
  step.load = trial.load;
  step.duration = trial.duration;
  step.offered = 100;
  step.completed = 100;
  step.ended[kAnswered] = 100;
  for (int i = 0; i < 100; ++i) {
    step.latency[kAnswered].Record(latency);
  }
  return step;
}

Measure EachBy(std::function<absl::StatusOr<Step>(const Trial&)> measure) {
  return [measure = std::move(measure)](const std::vector<Trial>& trials)
             -> absl::StatusOr<std::vector<Step>> {
    std::vector<Step> steps;
    for (const Trial& trial : trials) {
      absl::StatusOr<Step> step = measure(trial);
      if (!step.ok()) {
        return step.status();
      }
      steps.push_back(*std::move(step));
    }
    return steps;
  };
}

Measure QueueOf(double capacity, double longest_wait) {
  return [model = QueueModel(capacity, longest_wait)](
             const std::vector<Trial>& trials) mutable {
    return model.Run(trials);
  };
}

SweepOptions KneeOptions(double first_rate) {
  SweepOptions options;
  options.first_rate = first_rate;
  options.duration = Seconds(std::max(5.0, 20 / first_rate));
  options.objectives = ParseObjectives("p99=50ms").value();
  options.overloads = {};
  return options;
}

}  // namespace attention::load
