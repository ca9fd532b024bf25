// Shows that two deployments take turns, and that ratios and their intervals
// are those of published tables and of hand computation.
#include "client/load/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
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

// By hand: the logarithms are 0, ln 2 and ln 4, their mean is ln 2 and their
// standard deviation ln 2. For two degrees of freedom the quantile of p is
// (2p - 1) / sqrt(2p(1 - p)), of 1 - 0.025 / 3 that is 7.649. The interval is
// 2 ^ (1 -+ 7.649 / sqrt(3)).
TEST(RatioOfTest, IsTheGeometricMeanWithStudentsInterval) {
  const Ratio ratio = RatioOf("p99", {1, 10, 100}, {1, 20, 400});

  EXPECT_EQ(ratio.name, "p99");
  EXPECT_NEAR(ratio.mean, 2, 1e-12);
  EXPECT_NEAR(ratio.low, 0.09369, 1e-4);
  EXPECT_NEAR(ratio.high, 42.70, 2e-2);
}

// Equal deployments, of which every figure strays by a tenth: in one of twenty
// comparisons some interval leaves 1 out.
TEST(RatioOfTest, ThreeIntervalsHoldTogetherNineteenTimesOfTwenty) {
  constexpr int kComparisons = 20'000;
  constexpr int kRounds = 5;
  std::mt19937_64 random(1);
  std::normal_distribution<double> logarithm(0, 0.1);
  const auto figures = [&] {
    std::vector<double> values(kRounds);
    for (double& value : values) {
      value = std::exp(logarithm(random));
    }
    return values;
  };
  int different = 0;
  for (int i = 0; i < kComparisons; ++i) {
    bool is_different = false;
    for (const char* name : {"answered/s", "p50", "p99"}) {
      const Ratio ratio = RatioOf(name, figures(), figures());
      is_different = is_different || ratio.low > 1 || ratio.high < 1;
    }
    different += is_different ? 1 : 0;
  }
  // 1 - (1 - 0.05 / 3)^3 of them; the deviation of the count is 31.
  EXPECT_NEAR(different, 0.0492 * kComparisons, 4 * 31);
}

// Quantiles of 1 - 0.025 / 3, integrated from the density with another program.
TEST(RatioOfTest, IntervalsFollowStudentsQuantiles) {
  const std::pair<int, double> quantiles[] = {
      {1, 38.18846}, {2, 7.64880},  {3, 4.85666},  {4, 3.96079},  {5, 3.53411},
      {6, 3.28746},  {7, 3.12755},  {8, 3.01576},  {9, 2.93332},  {10, 2.87007},
      {11, 2.82003}, {12, 2.77947}, {13, 2.74594}, {14, 2.71776}, {15, 2.69374},
      {16, 2.67303}, {17, 2.65500}, {18, 2.63914}, {19, 2.62511}, {20, 2.61259},
      {21, 2.60135}, {22, 2.59121}, {23, 2.58202}, {24, 2.57364}, {25, 2.56598},
      {26, 2.55894}, {27, 2.55246}, {28, 2.54647}, {29, 2.54091}, {30, 2.53574},
      {31, 2.53093}, {40, 2.49886}, {60, 2.46295}, {120, 2.42800}};
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
