// Shows that two deployments take turns, and that ratios and their intervals
// are those of published tables and of hand computation.
#include "client/load/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kAnswered = static_cast<int>(Ending::kAnswered);

// A second with `answered` requests, each in `latency`.
Step StepOf(int answered, milliseconds latency) {
  Step step;
  step.duration = Seconds(1);
  step.offered = 100;
  step.ended[kAnswered] = answered;
  step.completed = answered;
  for (int i = 0; i < answered; ++i) {
    step.latency[kAnswered].Record(latency);
  }
  return step;
}

// Writes `name` to `turns` whenever it is measured, and plays `steps`.
Measure Fake(char name, std::string& turns, std::vector<Step> steps) {
  return [name, &turns, steps = std::move(steps),
          turn = std::size_t{0}](const std::vector<Trial>& trials) mutable
             -> absl::StatusOr<std::vector<Step>> {
    EXPECT_EQ(trials.size(), 1U);
    EXPECT_EQ(trials[0].load.rate, 50);
    turns += name;
    if (turn == steps.size()) {
      return absl::UnavailableError("gone");
    }
    return std::vector<Step>{steps[turn++]};
  };
}

constexpr Trial kTrial = {.load = {.rate = 50}, .duration = Seconds(1)};

TEST(ComparisonTest, DeploymentsTakeTurns) {
  std::string turns;
  const Step step = StepOf(10, milliseconds(5));

  const auto comparison =
      RunComparison(kTrial, 3, Fake('A', turns, {step, step, step}),
                    Fake('B', turns, {step, step, step}));

  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_EQ(turns, "ABABAB");
  EXPECT_EQ(comparison->steps_a.size(), 3U);
  EXPECT_EQ(comparison->steps_b.size(), 3U);
}

TEST(ComparisonTest, ComparesTheTurnsOfARound) {
  std::string turns;
  const auto comparison = RunComparison(
      kTrial, 2,
      Fake('A', turns,
           {StepOf(10, milliseconds(5)), StepOf(20, milliseconds(10))}),
      Fake('B', turns,
           {StepOf(20, milliseconds(20)), StepOf(40, milliseconds(40))}));

  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_THAT(comparison->ratios, ElementsAre(Field(&Ratio::name, "answered/s"),
                                              Field(&Ratio::name, "p50"),
                                              Field(&Ratio::name, "p99")));
  // Both rounds say the same, so the intervals are points.
  const double expected[] = {2, 4, 4};
  for (int i = 0; i < 3; ++i) {
    const Ratio& ratio = comparison->ratios[i];
    EXPECT_NEAR(ratio.mean, expected[i], 1e-12) << ratio.name;
    EXPECT_NEAR(ratio.low, expected[i], 1e-12) << ratio.name;
    EXPECT_NEAR(ratio.high, expected[i], 1e-12) << ratio.name;
  }
}

TEST(ComparisonTest, HasNoRatiosWhenATurnAnsweredNothing) {
  std::string turns;
  const Step good = StepOf(10, milliseconds(5));
  const Step nothing = StepOf(0, milliseconds(0));

  const auto comparison =
      RunComparison(kTrial, 3, Fake('A', turns, {good, good, good}),
                    Fake('B', turns, {good, nothing, good}));

  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_EQ(comparison->steps_b.size(), 3U);
  EXPECT_THAT(comparison->ratios, IsEmpty());
}

TEST(ComparisonTest, StopsWhenADeploymentCannotBeMeasured) {
  std::string turns;
  const Step step = StepOf(10, milliseconds(5));

  const auto comparison =
      RunComparison(kTrial, 3, Fake('A', turns, {step, step, step}),
                    Fake('B', turns, {step}));

  EXPECT_EQ(comparison.status(), absl::UnavailableError("gone"));
  EXPECT_EQ(turns, "ABAB");
}

TEST(ComparisonTest, RefusesASingleRound) {
  std::string turns;
  const auto comparison =
      RunComparison(kTrial, 1, Fake('A', turns, {}), Fake('B', turns, {}));

  EXPECT_EQ(comparison.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(comparison.status().message()),
              HasSubstr("rounds is 1, an interval takes at least 2"));
  EXPECT_EQ(turns, "");
}

// By hand: the logarithms are 0, ln 2 and ln 4, their mean is ln 2, their
// standard deviation ln 2, and t = 4.303 for two degrees of freedom. The
// interval is 2 ^ (1 -+ 4.303 / sqrt(3)).
TEST(RatioOfTest, IsTheGeometricMeanWithStudentsInterval) {
  const Ratio ratio = RatioOf("p99", {1, 10, 100}, {1, 20, 400});

  EXPECT_EQ(ratio.name, "p99");
  EXPECT_NEAR(ratio.mean, 2, 1e-12);
  EXPECT_NEAR(ratio.low, 0.3574, 1e-4);
  EXPECT_NEAR(ratio.high, 11.1926, 2e-3);
}

// Quantiles integrated from the density with another program; those up to 30,
// and of 40, 60 and 120, agree with the usual tables to their three decimals.
TEST(RatioOfTest, IntervalsFollowStudentsQuantiles) {
  const std::pair<int, double> quantiles[] = {
      {1, 12.70620}, {2, 4.30265},  {3, 3.18245},  {4, 2.77645},  {5, 2.57058},
      {6, 2.44691},  {7, 2.36462},  {8, 2.30600},  {9, 2.26216},  {10, 2.22814},
      {11, 2.20099}, {12, 2.17881}, {13, 2.16037}, {14, 2.14479}, {15, 2.13145},
      {16, 2.11991}, {17, 2.10982}, {18, 2.10092}, {19, 2.09302}, {20, 2.08596},
      {21, 2.07961}, {22, 2.07387}, {23, 2.06866}, {24, 2.06390}, {25, 2.05954},
      {26, 2.05553}, {27, 2.05183}, {28, 2.04841}, {29, 2.04523}, {30, 2.04227},
      {31, 2.03951}, {40, 2.02108}, {60, 2.00030}, {120, 1.97993}};
  for (const auto& [degrees, quantile] : quantiles) {
    // One logarithm is 1, the others are 0. With n of them the mean is 1/n and
    // the standard deviation 1/sqrt(n), so half the interval is t/n.
    const int count = degrees + 1;
    const std::vector<double> a(count, 1);
    std::vector<double> b(count, 1);
    b[0] = std::exp(1);

    const Ratio ratio = RatioOf("p50", a, b);

    EXPECT_NEAR(std::log(ratio.mean), 1.0 / count, 1e-12);
    EXPECT_NEAR((std::log(ratio.high) - 1.0 / count) * count, quantile, 5.1e-4)
        << degrees;
    EXPECT_NEAR((1.0 / count - std::log(ratio.low)) * count, quantile, 5.1e-4)
        << degrees;
  }
}

}  // namespace
}  // namespace attention::load
