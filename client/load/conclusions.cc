// What the figures of a report amount to, in words.
#include "client/load/conclusions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

void AddTurns(const std::string& target, const std::vector<Step>& steps,
              std::vector<NamedStep>& result) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    result.push_back({absl::StrCat(target, ", turn ", i + 1), &steps[i]});
  }
}

// Answers a second are the better the more, latencies the less.
bool IsRate(const Ratio& ratio) { return absl::EndsWith(ratio.name, "/s"); }

std::string HeadlineOf(const Step& step) {
  if (step.Ended(Ending::kAnswered) == 0) {
    return "No request was answered";
  }
  return absl::StrCat(
      NumberText(step.AnsweredRate()), " requests/s answered, p99 ",
      DurationText(step.Latency(Ending::kAnswered).Percentile(99)));
}

std::string HeadlineOf(const Sweep& sweep,
                       const std::vector<ObjectiveResult>& objectives) {
  if (sweep.knee < 0) {
    return "No load that was tried held the objectives";
  }
  const Step& knee = sweep.steps[static_cast<std::size_t>(sweep.knee)];
  // Where the client gave up first, the deployment may hold more.
  const bool is_client_limit = std::any_of(
      sweep.steps.begin(), sweep.steps.end(), [&](const Step& step) {
        return step.load.rate > knee.load.rate && !step.invalid.empty();
      });
  std::vector<std::string> held;
  held.reserve(objectives.size());
  for (const ObjectiveResult& result : objectives) {
    held.push_back(result.objective.ToString());
  }
  return absl::StrCat(is_client_limit ? "Holds at least " : "Holds ",
                      NumberText(knee.load.rate), " requests/s",
                      held.empty() ? "" : " at ", absl::StrJoin(held, ", "));
}

std::string HeadlineOf(const Comparison& comparison) {
  std::vector<std::string> better;
  std::vector<std::string> worse;
  for (const Ratio& ratio : comparison.ratios) {
    if (EffectOf(ratio) == Effect::kBetter) {
      better.push_back(ratio.name);
    } else if (EffectOf(ratio) == Effect::kWorse) {
      worse.push_back(ratio.name);
    }
  }
  if (better.empty() && worse.empty()) {
    return absl::StrCat("No difference between ", comparison.a, " and ",
                        comparison.b, " shown");
  }
  if (worse.empty()) {
    return absl::StrCat(comparison.b, " is faster than ", comparison.a, " (",
                        absl::StrJoin(better, ", "), ")");
  }
  if (better.empty()) {
    return absl::StrCat(comparison.b, " is slower than ", comparison.a, " (",
                        absl::StrJoin(worse, ", "), ")");
  }
  return absl::StrCat(comparison.b, " is better than ", comparison.a, " in ",
                      absl::StrJoin(better, ", "), " and worse in ",
                      absl::StrJoin(worse, ", "));
}

}  // namespace

std::vector<NamedStep> StepsOf(const Report& report) {
  std::vector<NamedStep> result;
  if (report.step.has_value()) {
    result.push_back({ShortLoadText(report.step->load), &*report.step});
  }
  if (report.sweep.has_value()) {
    for (const Step& step : report.sweep->steps) {
      result.push_back({ShortLoadText(step.load), &step});
    }
    for (const Overload& overload : report.sweep->overloads) {
      result.push_back(
          {absl::StrCat(NumberText(overload.factor), " x the knee"),
           &overload.step});
    }
  }
  if (report.comparison.has_value()) {
    AddTurns(report.comparison->a, report.comparison->steps_a, result);
    AddTurns(report.comparison->b, report.comparison->steps_b, result);
  }
  return result;
}

const Step* MainStep(const Report& report) {
  if (report.step.has_value()) {
    return &*report.step;
  }
  if (report.sweep.has_value() && report.sweep->knee >= 0) {
    return &report.sweep->steps[static_cast<std::size_t>(report.sweep->knee)];
  }
  return nullptr;
}

std::vector<int> StepsByRate(const Sweep& sweep) {
  std::vector<int> order(sweep.steps.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int index) {
    return std::pair(sweep.steps[static_cast<std::size_t>(index)].load.rate,
                     index);
  };
  std::sort(order.begin(), order.end(),
            [&](int x, int y) { return key(x) < key(y); });
  return order;
}

std::string Headline(const Report& report) {
  if (report.sweep.has_value()) {
    return HeadlineOf(*report.sweep, report.objectives);
  }
  if (report.comparison.has_value()) {
    return HeadlineOf(*report.comparison);
  }
  return report.step.has_value() ? HeadlineOf(*report.step)
                                 : "Nothing was measured";
}

std::vector<std::string> InvalidReasons(const Report& report) {
  const std::vector<NamedStep> steps = StepsOf(report);
  std::vector<std::string> reasons;
  for (const NamedStep& named : steps) {
    for (const std::string& reason : named.step->invalid) {
      reasons.push_back(
          steps.size() == 1 ? reason : absl::StrCat(named.name, ": ", reason));
    }
  }
  return reasons;
}

std::vector<std::pair<std::string, std::int64_t>> MessagesOf(
    const Report& report) {
  std::map<std::string, std::int64_t> sums;
  for (const NamedStep& named : StepsOf(report)) {
    for (const auto& [text, count] : named.step->messages) {
      sums[text] += count;
    }
  }
  std::vector<std::pair<std::string, std::int64_t>> result(sums.begin(),
                                                           sums.end());
  std::sort(result.begin(), result.end(), [](const auto& x, const auto& y) {
    return std::pair(-x.second, x.first) < std::pair(-y.second, y.first);
  });
  return result;
}

std::pair<std::int64_t, std::int64_t> VerifiedAndWrong(const Report& report) {
  std::pair<std::int64_t, std::int64_t> sums;
  for (const NamedStep& named : StepsOf(report)) {
    sums.first += named.step->verified;
    sums.second += named.step->wrong;
  }
  return sums;
}

std::string ValueText(const ObjectiveResult& result) {
  switch (result.objective.kind) {
    case Objective::Kind::kErrors:
      return PercentText(result.value / 100);
    case Objective::Kind::kThroughput:
      return RateText(result.value);
    case Objective::Kind::kLatency:
      break;
  }
  if (!std::isfinite(result.value)) {
    return "no answer";
  }
  return DurationText(std::chrono::nanoseconds(
      static_cast<std::int64_t>(std::llround(result.value * 1e6))));
}

std::optional<Histogram::Duration> LatencyLimit(const Report& report) {
  std::optional<Histogram::Duration> limit;
  for (const ObjectiveResult& result : report.objectives) {
    if (result.objective.kind == Objective::Kind::kLatency) {
      const Histogram::Duration allowed(
          static_cast<std::int64_t>(result.objective.limit * 1e6));
      limit = std::min(limit.value_or(allowed), allowed);
    }
  }
  return limit;
}

double Goodput(const Step& step, Histogram::Duration limit) {
  return static_cast<double>(step.Latency(Ending::kAnswered).CountUpTo(limit)) /
         step.duration.count();
}

Effect EffectOf(const Ratio& ratio) {
  if (ratio.low <= 1 && ratio.high >= 1) {
    return Effect::kNone;
  }
  return (ratio.low > 1) == IsRate(ratio) ? Effect::kBetter : Effect::kWorse;
}

std::string IntervalText(const Ratio& ratio) {
  return absl::StrCat(RatioText(ratio.low), " to ", RatioText(ratio.high));
}

std::string Verdict(const Comparison& comparison, const Ratio& ratio) {
  const Effect effect = EffectOf(ratio);
  const std::string figures =
      absl::StrCat(RatioText(ratio.mean), " times (", IntervalText(ratio), ")");
  if (effect == Effect::kNone) {
    return absl::StrCat(ratio.name, ": no difference shown, ", figures, ".");
  }
  return absl::StrCat(ratio.name, ": ", comparison.b, " is ",
                      effect == Effect::kBetter ? "faster" : "slower", " than ",
                      comparison.a, ", ", figures, ".");
}

}  // namespace attention::load
