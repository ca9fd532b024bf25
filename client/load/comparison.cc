// Two deployments under the same load, turn by turn.
#include "client/load/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

// The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom:
// NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
constexpr std::array<double, 30> kStudentQuantiles = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

double StudentQuantile(std::size_t degrees) {
  if (degrees <= kStudentQuantiles.size()) {
    return kStudentQuantiles[degrees - 1];
  }
  // From the normal quantile z by the expansion in 1 / degrees (Abramowitz and
  // Stegun, 26.7.5), good to 1e-4 here.
  constexpr double kZ = 1.959964;
  constexpr double kZ3 = kZ * kZ * kZ;
  constexpr double kFirst = (kZ3 + kZ) / 4;
  constexpr double kSecond = (5 * kZ3 * kZ * kZ + 16 * kZ3 + 3 * kZ) / 96;
  const auto n = static_cast<double>(degrees);
  return kZ + kFirst / n + kSecond / (n * n);
}

using Figure = double (*)(const Step&);

double PercentileSeconds(const Step& step, double percent) {
  return Seconds(step.Latency(Ending::kAnswered).Percentile(percent)).count();
}

// Of every step; empty when one of them has none.
std::vector<double> FiguresOf(const std::vector<Step>& steps, Figure figure) {
  std::vector<double> figures(steps.size());
  std::transform(steps.begin(), steps.end(), figures.begin(), figure);
  const bool all_positive = std::all_of(figures.begin(), figures.end(),
                                        [](double value) { return value > 0; });
  return all_positive ? figures : std::vector<double>();
}

}  // namespace

absl::StatusOr<Comparison> RunComparison(const Trial& trial, int rounds,
                                         Measure a, Measure b) {
  if (rounds < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "compare: rounds is ", rounds, ", an interval takes at least 2"));
  }
  Comparison comparison;
  for (int round = 0; round < rounds; ++round) {
    ATTENTION_ASSIGN_OR_RETURN(std::vector<Step> turn_a, a({trial}));
    comparison.steps_a.push_back(std::move(turn_a.front()));
    ATTENTION_ASSIGN_OR_RETURN(std::vector<Step> turn_b, b({trial}));
    comparison.steps_b.push_back(std::move(turn_b.front()));
  }
  const std::pair<const char*, Figure> figures[] = {
      {"answered/s", [](const Step& step) { return step.AnsweredRate(); }},
      {"p50", [](const Step& step) { return PercentileSeconds(step, 50); }},
      {"p99", [](const Step& step) { return PercentileSeconds(step, 99); }}};
  for (const auto& [name, figure] : figures) {
    const std::vector<double> of_a = FiguresOf(comparison.steps_a, figure);
    const std::vector<double> of_b = FiguresOf(comparison.steps_b, figure);
    if (!of_a.empty() && !of_b.empty()) {
      comparison.ratios.push_back(RatioOf(name, of_a, of_b));
    }
  }
  return comparison;
}

Ratio RatioOf(const std::string& name, const std::vector<double>& a,
              const std::vector<double>& b) {
  const std::size_t count = a.size();
  std::vector<double> logs(count);
  double mean = 0;
  for (std::size_t i = 0; i < count; ++i) {
    logs[i] = std::log(b[i] / a[i]);
    mean += logs[i] / static_cast<double>(count);
  }
  double squares = 0;
  for (const double log : logs) {
    squares += (log - mean) * (log - mean);
  }
  const double error = std::sqrt(squares / static_cast<double>(count - 1) /
                                 static_cast<double>(count));
  const double half = StudentQuantile(count - 1) * error;
  return {.name = name,
          .mean = std::exp(mean),
          .low = std::exp(mean - half),
          .high = std::exp(mean + half)};
}

}  // namespace attention::load
