// Finds how much a deployment holds.
#include "client/load/sweep.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/load/message_counts.h"
#include "client/load/validity.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

constexpr double kAnsweredShare = 0.99;
// What a step or a window is judged by, at least and on average.
constexpr double kLeastRequests = 20;
constexpr int kHalvings = 6;
// What a deployment that recovered holds with room to spare.
constexpr double kRecoveredShare = 0.8;
// In a row, so that a lucky one is no recovery.
constexpr int kRecoveredWindows = 2;
// A window is as short as recovery is to be known.
constexpr Seconds kWindow{0.25};

absl::Status CheckRange(bool is_in_range, const char* name, double value,
                        const char* range) {
  return is_in_range
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat(
                   "sweep: ", name, " is ", value, ", taken is ", range));
}

// The one of which a step has just enough requests.
double LowestRate(const SweepOptions& options) {
  return kLeastRequests / options.duration.count();
}

absl::Status CheckOptions(const SweepOptions& options) {
  if (options.arrivals == Arrivals::kClosed) {
    return absl::InvalidArgumentError(
        "sweep: arrivals are closed, which have no rate; taken are poisson and "
        "constant");
  }
  ATTENTION_RETURN_IF_ERROR(CheckRange(options.first_rate > 0, "first_rate",
                                       options.first_rate, "more than 0"));
  ATTENTION_RETURN_IF_ERROR(CheckRange(options.max_rate >= options.first_rate,
                                       "max_rate", options.max_rate,
                                       "first_rate or more"));
  ATTENTION_RETURN_IF_ERROR(CheckRange(options.duration > Seconds(0),
                                       "duration", options.duration.count(),
                                       "more than 0 s"));
  const double lowest_rate = LowestRate(options);
  if (!(options.first_rate >= lowest_rate)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sweep: first_rate is ", options.first_rate, ", of which a step of ",
        options.duration.count(), " s has less than ", kLeastRequests,
        " requests to be judged by; taken is ", lowest_rate,
        " or more, or a longer duration"));
  }
  ATTENTION_RETURN_IF_ERROR(CheckRange(options.resolution >= 1.001,
                                       "resolution", options.resolution,
                                       "1.001 or more"));
  ATTENTION_RETURN_IF_ERROR(
      CheckRange(options.recovery_limit > Seconds(0), "recovery_limit",
                 options.recovery_limit.count(), "more than 0 s"));
  for (const double factor : options.overloads) {
    ATTENTION_RETURN_IF_ERROR(
        CheckRange(factor > 1, "an overload", factor, "more than 1"));
  }
  return absl::OkStatus();
}

// Whether answers come as fast as the requests of an open loop, give or take
// what is under way at either end of the measured part. That number is random:
// of independent requests Poisson's, with a mean of rate times latency
// (Little), so the difference of both has a variance of twice that. A backlog
// grows with time, which its square root outruns only in steps of few requests.
bool KeepsUp(const Step& step, Seconds warm_up) {
  constexpr double kDeviations = 3;
  constexpr double kFew = 2;
  const Histogram& latency = step.Latency(Ending::kAnswered);
  const double rate = step.OfferedRate();
  const double under_way = rate * Seconds(latency.mean()).count();
  // No answer comes before a warm-up that is shorter than any latency is over.
  const Seconds blank = Seconds(latency.min()) - warm_up;
  const double slack = kFew + kDeviations * std::sqrt(2 * under_way) +
                       rate * std::max(blank.count(), 0.0);
  return static_cast<double>(step.completed) >=
         kAnsweredShare * static_cast<double>(step.offered) - slack;
}

// All but what was said.
void Add(const Step& step, RecoveryWindows& windows) {
  ++windows.count;
  windows.invalid += step.invalid.empty() ? 0 : 1;
  windows.verified += step.verified;
  windows.wrong += step.wrong;
}

// One sweep, from the first step to the last.
class SweepRun {
 public:
  SweepRun(const SweepOptions& options, Measure measure)
      : options_(options), measure_(std::move(measure)) {}

  absl::StatusOr<Sweep> Run() {
    ATTENTION_RETURN_IF_ERROR(Bracket());
    if (sweep_.knee >= 0) {
      ATTENTION_RETURN_IF_ERROR(Bisect());
      ATTENTION_RETURN_IF_ERROR(GoPastTheKnee());
    }
    sweep_.limit = LimitOf();
    return std::move(sweep_);
  }

 private:
  Trial TrialAt(double rate) const {
    return {.load = {.arrivals = options_.arrivals, .rate = rate},
            .warm_up = options_.warm_up,
            .duration = options_.duration};
  }

  // Whatever the client did.
  bool IsHeldBy(const Step& step, Seconds warm_up) const {
    if (step.offered == 0 ||
        static_cast<double>(step.Ended(Ending::kAnswered)) <
            kAnsweredShare * static_cast<double>(step.offered) ||
        !KeepsUp(step, warm_up)) {
      return false;
    }
    return std::all_of(options_.objectives.begin(), options_.objectives.end(),
                       [&](const Objective& objective) {
                         return objective.kind ==
                                    Objective::Kind::kThroughput ||
                                Holds(objective, step);
                       });
  }

  // Too slow, or full of requests of which those that it sent held: more in
  // flight might have held more.
  bool IsLimitedByClient(const Step& step) const {
    if (IsInvalidFor(InvalidReason::Kind::kTooSlow, step)) return true;
    if (!IsInvalidFor(InvalidReason::Kind::kInFlight, step)) return false;
    Step sent = step;
    sent.offered -= sent.dropped;
    return IsHeldBy(sent, options_.warm_up);
  }

  // Measures a step, keeps it, and says whether it held.
  absl::StatusOr<bool> Try(double rate) {
    ATTENTION_ASSIGN_OR_RETURN(std::vector<Step> steps,
                               measure_({TrialAt(rate)}));
    const Step& step = steps.front();
    const bool held = step.invalid.empty() && IsHeldBy(step, options_.warm_up);
    sweep_.steps.push_back(std::move(steps.front()));
    if (held) {
      // No rate is tried that is below one that held.
      sweep_.knee = static_cast<int>(sweep_.steps.size()) - 1;
      held_rate_ = rate;
    }
    return held;
  }

  absl::StatusOr<bool> TryTwice(double rate) {
    ATTENTION_ASSIGN_OR_RETURN(const bool held, Try(rate));
    return held ? true : Try(rate);
  }

  // Finds a rate that holds and, unless max_rate does, one that does not.
  absl::Status Bracket() {
    double rate = options_.first_rate;
    ATTENTION_ASSIGN_OR_RETURN(bool held, TryTwice(rate));
    const bool first_held = held;
    for (int halvings = 0;
         !held && halvings < kHalvings && rate / 2 >= LowestRate(options_);
         ++halvings) {
      failed_rate_ = rate;
      rate /= 2;
      ATTENTION_ASSIGN_OR_RETURN(held, TryTwice(rate));
    }
    if (!held) {
      failed_rate_ = rate;
    }
    while (first_held && held && rate < options_.max_rate) {
      rate = std::min(2 * rate, options_.max_rate);
      ATTENTION_ASSIGN_OR_RETURN(held, TryTwice(rate));
      if (!held) {
        failed_rate_ = rate;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Bisect() {
    while (failed_rate_.has_value() &&
           *failed_rate_ > held_rate_ * options_.resolution) {
      const double rate = std::sqrt(held_rate_ * *failed_rate_);
      ATTENTION_ASSIGN_OR_RETURN(const bool held, Try(rate));
      if (!held) {
        failed_rate_ = rate;
      }
    }
    return absl::OkStatus();
  }

  absl::Status GoPastTheKnee() {
    for (const double factor : options_.overloads) {
      const double rate = factor * held_rate_;
      if (rate > options_.max_rate) {
        sweep_.skipped_overloads.push_back(factor);
        continue;
      }
      ATTENTION_ASSIGN_OR_RETURN(Overload overload, Overrun(rate));
      overload.factor = factor;
      sweep_.overloads.push_back(std::move(overload));
      if (sweep_.overloads.back().is_limited_by_client) {
        break;
      }
    }
    return absl::OkStatus();
  }

  // An overload and the windows that follow it.
  absl::StatusOr<Overload> Overrun(double rate) {
    Trial window = TrialAt(kRecoveredShare * held_rate_);
    window.warm_up = Seconds(0);
    window.duration =
        std::max(kWindow, Seconds(kLeastRequests / window.load.rate));
    const double windows =
        std::max(std::ceil(options_.recovery_limit / window.duration),
                 static_cast<double>(kRecoveredWindows));
    std::vector<Trial> trials(1 + static_cast<std::size_t>(windows), window);
    trials.front() = TrialAt(rate);
    ATTENTION_ASSIGN_OR_RETURN(std::vector<Step> steps, measure_(trials));

    Overload overload;
    overload.step = std::move(steps.front());
    overload.goodput =
        Goodput(overload.step, LatencyLimit(options_.objectives));
    // Windows after that show how soon the client is on time again.
    overload.is_limited_by_client = IsLimitedByClient(overload.step);
    if (!overload.is_limited_by_client) overload.recovery = RecoveryOf(steps);
    MessageCounts messages;
    for (auto step = steps.begin() + 1; step != steps.end(); ++step) {
      Add(*step, overload.windows);
      messages.Add(step->messages);
    }
    overload.windows.messages = messages.MostFrequent();
    return overload;
  }

  // Until the first of enough windows in a row that hold; `steps` are an
  // overload and its windows.
  std::optional<Seconds> RecoveryOf(const std::vector<Step>& steps) const {
    const auto held = std::search_n(
        steps.begin() + 1, steps.end(), kRecoveredWindows, true,
        [&](const Step& step, bool) { return IsHeldBy(step, Seconds(0)); });
    if (held == steps.end()) {
      return std::nullopt;
    }
    return static_cast<double>(held - steps.begin() - 1) * held->duration;
  }

  // The client is to blame for the rate that did not hold when it was at every
  // try: one that is valid tells more than one that is not.
  Sweep::Limit LimitOf() const {
    if (!failed_rate_.has_value()) {
      return Sweep::Limit::kMaxRate;
    }
    return std::all_of(sweep_.steps.begin(), sweep_.steps.end(),
                       [&](const Step& step) {
                         return step.load.rate != *failed_rate_ ||
                                IsLimitedByClient(step);
                       })
               ? Sweep::Limit::kClient
               : Sweep::Limit::kServer;
  }

  const SweepOptions& options_;
  Measure measure_;
  Sweep sweep_;
  double held_rate_ = 0;               // the highest
  std::optional<double> failed_rate_;  // the lowest
};

}  // namespace

absl::StatusOr<Sweep> RunSweep(const SweepOptions& options, Measure measure) {
  ATTENTION_RETURN_IF_ERROR(CheckOptions(options));
  return SweepRun(options, std::move(measure)).Run();
}

}  // namespace attention::load
