// Shows what a sweep says of a deployment past its knee: what it still answers
// in time, and how soon it recovers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "client/load/sweep.h"
#include "tests/client/load/simulated_deployment.h"

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(SweepOverloadTest, OverloadsEndWithTheFirstThatTheClientCannotSend) {
  SweepOptions options = KneeOptions(100);
  options.overloads = {1.5, 2, 4};

  const auto sweep =
      RunSweep(options, EachBy([](const Trial& trial) {
                 Step step = StepOf(
                     trial, milliseconds(trial.load.rate > 100 ? 500 : 5));
                 if (trial.load.rate >= 200) {
                   step.invalid = {{"the client was too slow"}};
                 }
                 return step;
               }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_THAT(sweep->overloads, SizeIs(2));
  EXPECT_THAT(sweep->overloads[0].step.invalid, IsEmpty());
  EXPECT_THAT(sweep->overloads[1].step.invalid, SizeIs(1));
  // What follows shows how soon the client is on time again.
  EXPECT_TRUE(sweep->overloads[0].recovery.has_value());
  EXPECT_FALSE(sweep->overloads[0].is_limited_by_client);
  EXPECT_FALSE(sweep->overloads[1].recovery.has_value());
  EXPECT_TRUE(sweep->overloads[1].is_limited_by_client);
}

// The backlog of 6 s at f times the knee k drains with what 0.8 k leaves of
// the capacity C: after 6 (f k - C) / (C - 0.8 k).
TEST(SweepOverloadTest, RecoveryTakesAsLongAsTheBacklog) {
  SweepOptions options = KneeOptions(10);
  options.arrivals = Arrivals::kConstant;
  options.overloads = {1.5, 2};
  options.recovery_limit = Seconds(40);

  const auto sweep = RunSweep(options, QueueOf(1000));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  ASSERT_THAT(sweep->overloads, SizeIs(2));
  const double knee = sweep->steps[sweep->knee].load.rate;
  for (const Overload& overload : sweep->overloads) {
    EXPECT_DOUBLE_EQ(overload.step.load.rate, overload.factor * knee);
    const double expected =
        6 * (overload.factor * knee - 1000) / (1000 - 0.8 * knee);
    ASSERT_TRUE(overload.recovery.has_value());
    // A part of a window, and the 50 ms that need not be drained.
    EXPECT_NEAR(overload.recovery->count(), expected, 0.5);
    EXPECT_EQ(overload.goodput, 0) << "all wait behind the warm-up's backlog";
    // Past the knee the capacity is answered, not what is offered.
    EXPECT_NEAR(overload.step.AnsweredRate(), 1000, 1);
    EXPECT_EQ(overload.step.ErrorPercent(), 0);
  }
}

TEST(SweepOverloadTest, ADeploymentThatDoesNotRecoverSaysSo) {
  SweepOptions options = KneeOptions(10);
  options.arrivals = Arrivals::kConstant;
  options.overloads = {4};

  const auto sweep = RunSweep(options, QueueOf(1000));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_THAT(sweep->overloads, SizeIs(1));
  EXPECT_FALSE(sweep->overloads[0].recovery.has_value());
}

// A window of 250 ms with a late send on a busy machine is a window all the
// same. What the windows said is kept.
TEST(SweepOverloadTest, WindowsAreJudgedByTheServerAlone) {
  SweepOptions options = KneeOptions(100);
  options.max_rate = 200;
  options.recovery_limit = Seconds(1);
  options.overloads = {2};
  int window = 0;

  const auto sweep = RunSweep(
      options, EachBy([&](const Trial& trial) {
        const bool is_over = trial.load.rate > 100;
        Step step = StepOf(trial, milliseconds(is_over ? 500 : 5));
        if (trial.warm_up == Seconds(0)) {
          step.invalid = {{"the client was too slow"}};
          step.verified = 10;
          step.wrong = 1;
          step.messages = {{"UNAVAILABLE: gone", 2},
                           {"queue: " + std::to_string(++window) + " wait", 1}};
        }
        return step;
      }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_THAT(sweep->overloads, SizeIs(1));
  const Overload& overload = sweep->overloads[0];
  ASSERT_TRUE(overload.recovery.has_value());
  EXPECT_EQ(*overload.recovery, Seconds(0));
  EXPECT_EQ(overload.windows.count, 4);
  EXPECT_EQ(overload.windows.invalid, 4);
  EXPECT_EQ(overload.windows.verified, 40);
  EXPECT_EQ(overload.windows.wrong, 4);
  EXPECT_THAT(
      overload.windows.messages,
      ElementsAre(Pair("UNAVAILABLE: gone", 8), Pair("queue: 1 wait", 4)));
}

// What windows of 250 ms show, o where they hold, and what recovery follows.
TEST(SweepOverloadTest, OnlyTwoWindowsInARowAreARecovery) {
  const std::pair<const char*, std::optional<Seconds>> expectations[] = {
      {"oooo", Seconds(0)},    {"xxoo", Seconds(0.5)}, {"oxoo", Seconds(0.5)},
      {"xoox", Seconds(0.25)}, {"oxxx", std::nullopt}, {"oxox", std::nullopt},
      {"xxxo", std::nullopt},  {"xxxx", std::nullopt}};
  for (const auto& [shown, recovery] : expectations) {
    SweepOptions options = KneeOptions(100);
    options.max_rate = 200;
    options.recovery_limit = Seconds(1);
    options.overloads = {2};
    const char* window = shown;

    const auto sweep =
        RunSweep(options, EachBy([&](const Trial& trial) {
                   const bool is_window = trial.warm_up == Seconds(0);
                   const bool is_slow =
                       is_window ? *window++ == 'x' : trial.load.rate > 100;
                   return StepOf(trial, milliseconds(is_slow ? 500 : 5));
                 }));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_THAT(sweep->overloads, SizeIs(1));
    EXPECT_EQ(sweep->overloads[0].recovery, recovery) << shown;
  }
}

// What is refused does not wait: the capacity is answered in time, and the
// first window after the overload holds.
TEST(SweepOverloadTest, RefusingKeepsTheGoodput) {
  SweepOptions options = KneeOptions(10);
  options.arrivals = Arrivals::kConstant;
  options.overloads = {1.5, 2, 4};

  const auto sweep = RunSweep(options, QueueOf(1000, 0.02));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_THAT(sweep->overloads, SizeIs(3));
  for (const Overload& overload : sweep->overloads) {
    EXPECT_NEAR(overload.goodput, 1000, 10);
    ASSERT_TRUE(overload.recovery.has_value());
    EXPECT_EQ(*overload.recovery, Seconds(0));
  }
}

// 100 answers of 500 ms in 5 s, of which p99=50ms takes none, and p99=1s all.
TEST(SweepOverloadTest, GoodputIsThatOfTheHighestPercentile) {
  const std::pair<const char*, double> expectations[] = {
      {"p99=50ms", 0}, {"p50=10ms,p99=1s", 20}, {"errors=0", 20}};
  for (const auto& [objectives, goodput] : expectations) {
    SweepOptions options = KneeOptions(100);
    options.objectives = ParseObjectives(objectives).value();
    options.max_rate = 1000;
    options.overloads = {1.5};

    const auto sweep =
        RunSweep(options, EachBy([](const Trial& trial) {
                   Step step = StepOf(
                       trial, milliseconds(trial.load.rate > 100 ? 500 : 5));
                   if (trial.load.rate > 100) {
                     step.offered = 200;
                   }
                   return step;
                 }));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_THAT(sweep->overloads, SizeIs(1));
    EXPECT_EQ(sweep->overloads[0].goodput, goodput) << objectives;
  }
}

// At 8 requests a second, 20 take 2.5 s.
TEST(SweepOverloadTest, WindowsHaveRequestsEnoughToJudgeBy) {
  SweepOptions options = KneeOptions(10);
  options.max_rate = 15;
  options.overloads = {1.5};
  std::vector<Trial> last;

  const auto sweep =
      RunSweep(options,
               [&](const std::vector<Trial>& trials)
                   -> absl::StatusOr<std::vector<Step>> {
                 last = trials;
                 std::vector<Step> steps;
                 for (const Trial& trial : trials) {
                   steps.push_back(StepOf(
                       trial, milliseconds(trial.load.rate > 10 ? 500 : 5)));
                 }
                 return steps;
               });

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_THAT(last, SizeIs(5));
  EXPECT_EQ(last[0].load.rate, 15);
  EXPECT_EQ(last[0].warm_up, Seconds(1));
  EXPECT_EQ(last[1].load.rate, 8);
  EXPECT_EQ(last[1].warm_up, Seconds(0));
  EXPECT_EQ(last[1].duration, Seconds(2.5));
  EXPECT_EQ(*sweep->overloads[0].recovery, Seconds(0));
}

}  // namespace
}  // namespace attention::load
