// What the figures of a report amount to, in words.
#include "client/load/conclusions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/load/figure_text.h"
#include "client/load/message_counts.h"

namespace attention::load {
namespace {

void AddTurns(const std::string& target, const std::vector<Step>& steps,
              std::vector<NamedStep>& result) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    result.push_back({absl::StrCat(target, ", turn ", i + 1), &steps[i]});
  }
}

const Step& StepOf(const Sweep& sweep, int index) {
  return sweep.steps[static_cast<std::size_t>(index)];
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

// Why the deployment may hold more than the knee.
const char* BeyondText(Sweep::Limit limit) {
  switch (limit) {
    case Sweep::Limit::kClient:
      return "; more was too much for the client";
    case Sweep::Limit::kMaxRate:
      return "; --max-rate allows no more";
    case Sweep::Limit::kServer:
      break;
  }
  return "";
}

std::span<const Overload> OverloadsOf(const Report& report) {
  return report.sweep.has_value() ? std::span(report.sweep->overloads)
                                  : std::span<const Overload>();
}

// "B answered nothing in turns 1, 3"; empty when it answered in all.
std::string SilenceOf(const std::string& target,
                      const std::vector<Step>& steps) {
  std::vector<std::size_t> turns;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].completed == 0 || steps[i].Ended(Ending::kAnswered) == 0) {
      turns.push_back(i + 1);
    }
  }
  return turns.empty() ? ""
                       : absl::StrCat(target, " answered nothing in turn",
                                      turns.size() > 1 ? "s " : " ",
                                      absl::StrJoin(turns, ", "));
}

std::string HeadlineOf(const Comparison& comparison) {
  if (std::string silence = SilenceText(comparison); !silence.empty()) {
    return silence;
  }
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
    return &StepOf(*report.sweep, report.sweep->knee);
  }
  return nullptr;
}

const Step* JudgedStep(const Report& report) {
  if (const Step* step = MainStep(report)) {
    return step;
  }
  if (!report.sweep.has_value() || report.sweep->steps.empty()) {
    return nullptr;
  }
  return &StepOf(*report.sweep, StepsByRate(*report.sweep).front());
}

std::string JudgedAtText(const Report& report) {
  const Step* step = JudgedStep(report);
  return step == nullptr || step == MainStep(report)
             ? ""
             : absl::StrCat(" at ", ShortLoadText(step->load),
                            ", the lowest rate that was tried");
}

std::vector<int> StepsByRate(const Sweep& sweep) {
  std::vector<int> order(sweep.steps.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int index) {
    return std::pair(StepOf(sweep, index).load.rate, index);
  };
  std::sort(order.begin(), order.end(),
            [&](int x, int y) { return key(x) < key(y); });
  return order;
}

std::string Headline(const Report& report) {
  if (report.sweep.has_value()) {
    return Headline(*report.sweep, report.objectives);
  }
  if (report.comparison.has_value()) {
    return HeadlineOf(*report.comparison);
  }
  return report.step.has_value() ? HeadlineOf(*report.step)
                                 : "Nothing was measured";
}

std::string Headline(const Sweep& sweep,
                     const std::vector<ObjectiveResult>& objectives) {
  if (sweep.steps.empty()) {
    return "No load was tried";
  }
  if (sweep.knee < 0 && sweep.limit == Sweep::Limit::kClient) {
    return "Every load that was tried was too much for the client";
  }
  std::vector<std::string> promised;
  promised.reserve(objectives.size());
  for (const ObjectiveResult& result : objectives) {
    promised.push_back(result.objective.ToString());
  }
  const std::string at = absl::StrCat(promised.empty() ? "" : " at ",
                                      absl::StrJoin(promised, ", "));
  if (sweep.knee < 0) {
    return absl::StrCat(
        "Holds less than ",
        NumberText(StepOf(sweep, StepsByRate(sweep).front()).load.rate),
        " requests/s", at);
  }
  return absl::StrCat(
      sweep.limit == Sweep::Limit::kServer ? "Holds " : "Holds at least ",
      NumberText(StepOf(sweep, sweep.knee).load.rate), " requests/s", at,
      BeyondText(sweep.limit));
}

std::vector<std::string> InvalidReasons(const Report& report) {
  const std::vector<NamedStep> steps = StepsOf(report);
  std::vector<std::string> reasons;
  for (const NamedStep& named : steps) {
    for (const InvalidReason& reason : named.step->invalid) {
      reasons.push_back(steps.size() == 1
                            ? reason.text
                            : absl::StrCat(named.name, ": ", reason.text));
    }
  }
  return reasons;
}

bool IsInvalid(const Report& report) {
  if (!report.sweep.has_value()) {
    return !InvalidReasons(report).empty();
  }
  const std::vector<Step>& steps = report.sweep->steps;
  return !steps.empty() &&
         std::all_of(steps.begin(), steps.end(),
                     [](const Step& step) { return !step.invalid.empty(); });
}

std::vector<std::pair<std::string, std::int64_t>> MessagesOf(
    const Report& report) {
  MessageCounts counts;
  for (const NamedStep& named : StepsOf(report)) {
    counts.Add(named.step->messages);
  }
  for (const Overload& overload : OverloadsOf(report)) {
    counts.Add(overload.windows.messages);
  }
  const std::map<std::string, std::int64_t> most = counts.MostFrequent();
  std::vector<std::pair<std::string, std::int64_t>> result(most.begin(),
                                                           most.end());
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
  for (const Overload& overload : OverloadsOf(report)) {
    sums.first += overload.windows.verified;
    sums.second += overload.windows.wrong;
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
  std::vector<Objective> objectives;
  objectives.reserve(report.objectives.size());
  for (const ObjectiveResult& result : report.objectives) {
    objectives.push_back(result.objective);
  }
  return LatencyLimit(objectives);
}

std::string SkippedText(const Sweep& sweep) {
  const auto append = [](std::string* text, double factor) {
    absl::StrAppend(text, NumberText(factor), " x");
  };
  return sweep.skipped_overloads.empty()
             ? ""
             : absl::StrCat(
                   absl::StrJoin(sweep.skipped_overloads, ", ", append),
                   " the knee: more than --max-rate allows");
}

std::string SilenceText(const Comparison& comparison) {
  const std::string a = SilenceOf(comparison.a, comparison.steps_a);
  const std::string b = SilenceOf(comparison.b, comparison.steps_b);
  return absl::StrCat(a, a.empty() || b.empty() ? "" : "; ", b);
}

std::string RecoveryText(const Overload& overload) {
  if (!overload.recovery.has_value()) {
    return overload.is_limited_by_client ? "unknown" : "never";
  }
  return *overload.recovery == Seconds(0) ? "at once"
                                          : DurationText(*overload.recovery);
}

Effect EffectOf(const Ratio& ratio) {
  constexpr double kAlike = 0.01;
  const bool is_alike = ratio.low >= 1 - kAlike && ratio.high <= 1 + kAlike;
  if (is_alike || (ratio.low <= 1 && ratio.high >= 1)) {
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
