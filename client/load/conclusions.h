// What the figures of a report amount to, in words.
#ifndef CLIENT_LOAD_CONCLUSIONS_H_
#define CLIENT_LOAD_CONCLUSIONS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/load/report.h"

namespace attention::load {

struct NamedStep {
  std::string name{};  // "500/s", "2 x the knee", "old, turn 1"
  const Step* step = nullptr;
};

// All steps in the order they were run, a comparison's A before B. They point
// into `report`.
std::vector<NamedStep> StepsOf(const Report& report);

// The step that the report is about: the only one, or the knee of a sweep.
// Null when there is no such step.
const Step* MainStep(const Report& report);

// The step that objectives are held against: the main one, or, in a sweep
// without a knee, the one of the lowest rate. Null when there is no such step.
const Step* JudgedStep(const Report& report);

// " at 2.5/s, the lowest rate that was tried" where that is what objectives are
// held against; empty otherwise.
std::string JudgedAtText(const Report& report);

// Indices of its steps from the lowest rate to the highest, however the search
// went.
std::vector<int> StepsByRate(const Sweep& sweep);

// One line, the answer to what the run was for.
std::string Headline(const Report& report);

// That of a sweep for these objectives.
std::string Headline(const Sweep& sweep,
                     const std::vector<ObjectiveResult>& objectives);

// Why figures cannot be trusted, with the name of the step when there are
// several; empty when they can.
std::vector<std::string> InvalidReasons(const Report& report);

// Whether they are reasons not to trust the result: those of any step but in a
// sweep, whose knee is valid, and which is invalid only when all its steps are.
bool IsInvalid(const Report& report);

// What was said of what was not answered, over all steps and the windows after
// overloads, as MessageCounts::MostFrequent, the most frequent first.
std::vector<std::pair<std::string, std::int64_t>> MessagesOf(
    const Report& report);

// Answers that were compared with the reference, and those that differ, over
// all steps and the windows after overloads.
std::pair<std::int64_t, std::int64_t> VerifiedAndWrong(const Report& report);

// "9.81 ms", "0.40 %" or "498/s"; "no answer" for a latency without one.
std::string ValueText(const ObjectiveResult& result);

// The same of its objectives.
std::optional<Histogram::Duration> LatencyLimit(const Report& report);

// "2 x, 4 x the knee: more than --max-rate allows"; empty when no overload was
// skipped.
std::string SkippedText(const Sweep& sweep);

// "new answered nothing in turn 2": who cannot be compared; empty when both
// answered in every turn.
std::string SilenceText(const Comparison& comparison);

// "at once", "1.25 s" or "never"; "unknown" when the client was the limit.
std::string RecoveryText(const Overload& overload);

// What a ratio B / A shows with 95 % confidence; none within 1 % of 1, which is
// what buckets of histograms may make of equal latencies.
enum class Effect : std::uint8_t { kNone, kBetter, kWorse };
Effect EffectOf(const Ratio& ratio);

// "0.65 to 0.75".
std::string IntervalText(const Ratio& ratio);

// A sentence: "p99: new is faster than old, 0.70 times (0.65 to 0.75)."
std::string Verdict(const Comparison& comparison, const Ratio& ratio);

}  // namespace attention::load

#endif  // CLIENT_LOAD_CONCLUSIONS_H_
