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

// The quantiles of Student's t, for 1 to 30 degrees of freedom, beyond which
// one of three intervals of 95 % together may be on either side: 1 - 0.025 / 3
// (Bonferroni; with two decimals in Dunn, Multiple Comparisons among Means,
// 1961).
constexpr std::array<double, 30> kStudentQuantiles = {
    38.188, 7.649, 4.857, 3.961, 3.534, 3.287, 3.128, 3.016, 2.933, 2.870,
    2.820,  2.779, 2.746, 2.718, 2.694, 2.673, 2.655, 2.639, 2.625, 2.613,
    2.601,  2.591, 2.582, 2.574, 2.566, 2.559, 2.552, 2.546, 2.541, 2.536};

double StudentQuantile(std::size_t degrees) {
  if (degrees <= kStudentQuantiles.size()) {
    return kStudentQuantiles[degrees - 1];
  }
  // From the normal quantile z by the expansion in 1 / degrees (Abramowitz and
  // Stegun, 26.7.5), good to 3e-4 here.
  constexpr double kZ = 2.393980;
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
