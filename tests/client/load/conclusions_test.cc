// Proves what is concluded from figures: the headline, whether a ratio shows
// anything, and what makes figures worthless.
#include "client/load/conclusions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ConclusionsTest, HeadlinesSayWhatTheRunWasFor) {
  EXPECT_EQ(Headline(StepReport()), "1,000 requests/s answered, p99 20.0 ms");
  EXPECT_EQ(Headline(SweepReport()),
            "Holds 2,828 requests/s at p99=50ms, errors=0.1%");
  EXPECT_EQ(Headline(ComparisonReport()),
            "new:8001 is better than old:8001 in p50 and worse in p99");
  EXPECT_EQ(Headline(Report()), "Nothing was measured");
}

TEST(ConclusionsTest, AStepWithoutAnswersHasNoLatency) {
  Report report = StepReport();
  report.step->ended[0] = 0;

  EXPECT_EQ(Headline(report), "No request was answered");
}

TEST(ConclusionsTest, ASweepWithoutAKneeSaysSo) {
  Report report = SweepReport();
  report.sweep->knee = -1;

  EXPECT_EQ(Headline(report),
            "Holds less than 250 requests/s at p99=50ms, errors=0.1%");
  report.objectives.clear();
  EXPECT_EQ(Headline(report), "Holds less than 250 requests/s");
  EXPECT_EQ(MainStep(report), nullptr);
}

TEST(ConclusionsTest, ASweepIsJudgedAtItsKneeOrAtTheLowestRate) {
  Report report = SweepReport();
  EXPECT_EQ(JudgedStep(report), &report.sweep->steps[5]);
  EXPECT_EQ(JudgedAtText(report), "");

  report.sweep->knee = -1;
  std::swap(report.sweep->steps[0], report.sweep->steps[3]);
  EXPECT_EQ(JudgedStep(report), &report.sweep->steps[3]);
  EXPECT_EQ(JudgedAtText(report), " at 250/s, the lowest rate that was tried");

  report.sweep->steps.clear();
  EXPECT_EQ(JudgedStep(report), nullptr);
  EXPECT_EQ(JudgedStep(ComparisonReport()), nullptr);
  EXPECT_EQ(JudgedAtText(ComparisonReport()), "");
}

TEST(ConclusionsTest, WhereTheClientGaveUpTheKneeIsALeast) {
  Report report = SweepReport();
  report.sweep->limit = Sweep::Limit::kClient;

  EXPECT_EQ(Headline(report),
            "Holds at least 2,828 requests/s at p99=50ms, errors=0.1%; more "
            "was too much for the client");

  report.sweep->knee = -1;
  EXPECT_EQ(Headline(report),
            "Every load that was tried was too much for the client");
}

TEST(ConclusionsTest, WhereTheHighestRateHeldTheKneeIsALeast) {
  Report report = SweepReport();
  report.sweep->limit = Sweep::Limit::kMaxRate;

  EXPECT_EQ(Headline(report),
            "Holds at least 2,828 requests/s at p99=50ms, errors=0.1%; "
            "--max-rate allows no more");
}

TEST(ConclusionsTest, NamesTheOverloadsThatWereSkipped) {
  Sweep sweep;
  EXPECT_EQ(SkippedText(sweep), "");
  sweep.skipped_overloads = {4};
  EXPECT_EQ(SkippedText(sweep), "4 x the knee: more than --max-rate allows");
  sweep.skipped_overloads = {1.5, 2, 4};
  EXPECT_EQ(SkippedText(sweep),
            "1.5 x, 2 x, 4 x the knee: more than --max-rate allows");
}

TEST(ConclusionsTest, RecoveryIsATimeUnlessThereIsNone) {
  EXPECT_EQ(RecoveryText({.recovery = Seconds(0)}), "at once");
  EXPECT_EQ(RecoveryText({.recovery = Seconds(0.75)}), "750 ms");
  EXPECT_EQ(RecoveryText({.recovery = Seconds(1800)}), "1800 s");
  EXPECT_EQ(RecoveryText({}), "never");
}

TEST(ConclusionsTest, ComparisonsNameTheFasterOne) {
  Report report = ComparisonReport();
  report.comparison->ratios = {{"answered/s", 1.3, 1.2, 1.4}};
  EXPECT_EQ(Headline(report), "new:8001 is faster than old:8001 (answered/s)");

  report.comparison->ratios = {{"p99", 1.3, 1.2, 1.4}};
  EXPECT_EQ(Headline(report), "new:8001 is slower than old:8001 (p99)");

  report.comparison->ratios = {{"p99", 1.3, 0.9, 1.4}};
  EXPECT_EQ(Headline(report),
            "No difference between old:8001 and new:8001 shown");
}

TEST(ConclusionsTest, AComparisonNamesTheTurnsWithoutAnswers) {
  Report report = ComparisonReport();
  Comparison& comparison = *report.comparison;
  EXPECT_EQ(SilenceText(comparison), "");

  // Not even the ratios that are left count then.
  comparison.steps_b[1].ended[0] = 0;
  EXPECT_EQ(Headline(report), "new:8001 answered nothing in turn 2");

  comparison.ratios.clear();
  comparison.steps_b[2].completed = 0;
  comparison.steps_a[0].completed = 0;
  EXPECT_EQ(Headline(report),
            "old:8001 answered nothing in turn 1; new:8001 answered nothing in "
            "turns 2, 3");
}

TEST(ConclusionsTest, MoreAnswersAreBetterAndMoreLatencyIsWorse) {
  EXPECT_EQ(EffectOf({"answered/s", 1.2, 1.1, 1.3}), Effect::kBetter);
  EXPECT_EQ(EffectOf({"answered/s", 0.8, 0.7, 0.9}), Effect::kWorse);
  EXPECT_EQ(EffectOf({"p99", 1.2, 1.1, 1.3}), Effect::kWorse);
  EXPECT_EQ(EffectOf({"p99", 0.8, 0.7, 0.9}), Effect::kBetter);
}

TEST(ConclusionsTest, AnIntervalThatHoldsOneShowsNothing) {
  EXPECT_EQ(EffectOf({"p99", 1.2, 1, 1.3}), Effect::kNone);
  EXPECT_EQ(EffectOf({"p99", 0.8, 0.7, 1}), Effect::kNone);
  EXPECT_EQ(EffectOf({"answered/s", 1, 1, 1}), Effect::kNone);
}

// Two servers on both sides of the edge of a bucket differ by 0.8 %, always.
TEST(ConclusionsTest, AnIntervalWithinAPerCentOfOneShowsNothing) {
  EXPECT_EQ(EffectOf({"p99", 1.008, 1.008, 1.008}), Effect::kNone);
  EXPECT_EQ(EffectOf({"p99", 0.992, 0.991, 0.993}), Effect::kNone);
  EXPECT_EQ(EffectOf({"p99", 1.011, 1.01, 1.012}), Effect::kWorse);
  EXPECT_EQ(EffectOf({"p99", 0.98, 0.97, 0.99}), Effect::kBetter);
}

TEST(ConclusionsTest, VerdictsAreSentences) {
  const Comparison comparison = {.a = "old", .b = "new"};

  EXPECT_EQ(Verdict(comparison, {"p99", 0.7, 0.65, 0.75}),
            "p99: new is faster than old, 0.70 times (0.65 to 0.75).");
  EXPECT_EQ(Verdict(comparison, {"answered/s", 0.7, 0.65, 0.75}),
            "answered/s: new is slower than old, 0.70 times (0.65 to 0.75).");
  EXPECT_EQ(Verdict(comparison, {"p50", 1.01, 0.97, 1.05}),
            "p50: no difference shown, 1.01 times (0.97 to 1.05).");
}

TEST(ConclusionsTest, ReasonsNameTheStepWhenThereAreSeveral) {
  Report step = StepReport();
  EXPECT_THAT(InvalidReasons(step), IsEmpty());
  step.step->invalid = {{"late"}};
  EXPECT_THAT(InvalidReasons(step), ElementsAre("late"));

  Report sweep = SweepReport();
  sweep.sweep->steps[1].invalid = {{"late"}};
  sweep.sweep->overloads[2].step.invalid = {{"busy"}};
  EXPECT_THAT(InvalidReasons(sweep),
              ElementsAre("500/s: late", "4 x the knee: busy"));

  Report comparison = ComparisonReport();
  comparison.comparison->steps_b[0].invalid = {{"late"}};
  EXPECT_THAT(InvalidReasons(comparison),
              ElementsAre("new:8001, turn 1: late"));
}

TEST(ConclusionsTest, ASweepIsInvalidOnlyWhenAllItsStepsAre) {
  Report sweep = SweepReport();
  for (std::size_t i = 1; i < sweep.sweep->steps.size(); ++i) {
    sweep.sweep->steps[i].invalid = {{"late"}};
  }
  sweep.sweep->overloads[0].step.invalid = {{"late"}};
  EXPECT_FALSE(IsInvalid(sweep));
  sweep.sweep->steps[0].invalid = {{"late"}};
  EXPECT_TRUE(IsInvalid(sweep));

  Report comparison = ComparisonReport();
  EXPECT_FALSE(IsInvalid(comparison));
  comparison.comparison->steps_b[0].invalid = {{"late"}};
  EXPECT_TRUE(IsInvalid(comparison));
}

TEST(ConclusionsTest, MessagesOfAllStepsAreAddedUp) {
  Report report = SweepReport();
  for (Overload& overload : report.sweep->overloads) {
    overload.step.messages = {{"often", 10}};
    overload.windows.messages = {{"often", 1}};
  }
  for (Step& step : report.sweep->steps) {
    step.messages = {{"a bit", 1}};
  }

  EXPECT_THAT(MessagesOf(report),
              ElementsAre(Pair("often", 33), Pair("a bit", 7)));
}

TEST(ConclusionsTest, MessagesOfStepsThatDifferInNumbersAreOne) {
  Report report = SweepReport();
  for (std::size_t i = 0; i < report.sweep->steps.size(); ++i) {
    report.sweep->steps[i].messages = {
        {"queue: " + std::to_string(i) + " requests wait", 10}};
  }
  for (Overload& overload : report.sweep->overloads) {
    overload.step.messages.clear();
    overload.windows.messages = {{"queue: 1000 requests wait", 1}};
  }

  EXPECT_THAT(MessagesOf(report),
              ElementsAre(Pair("queue: 0 requests wait", 73)));
}

TEST(ConclusionsTest, VerifiedAnswersOfAllStepsAreAddedUp) {
  Report report = ComparisonReport();
  for (Step& step : report.comparison->steps_a) {
    step.verified = 10;
    step.wrong = 1;
  }
  for (Step& step : report.comparison->steps_b) {
    step.verified = 5;
  }

  EXPECT_THAT(VerifiedAndWrong(report), Pair(45, 3));
}

TEST(ConclusionsTest, VerifiedAnswersAfterOverloadsCount) {
  Report report = SweepReport();
  const auto before = VerifiedAndWrong(report);
  report.sweep->overloads[2].windows.verified = 100;
  report.sweep->overloads[2].windows.wrong = 3;

  EXPECT_THAT(VerifiedAndWrong(report),
              Pair(before.first + 100, before.second + 3));
}

TEST(ConclusionsTest, StepsAreOrderedByRate) {
  EXPECT_THAT(StepsByRate(*SweepReport().sweep),
              ElementsAre(0, 1, 2, 3, 5, 6, 4));
}

TEST(ConclusionsTest, ValuesHaveTheUnitOfTheirObjective) {
  using Kind = Objective::Kind;
  EXPECT_EQ(ValueText({.objective = {.kind = Kind::kLatency}, .value = 9.81}),
            "9.81 ms");
  EXPECT_EQ(ValueText({.objective = {.kind = Kind::kLatency},
                       .value = std::numeric_limits<double>::infinity()}),
            "no answer");
  EXPECT_EQ(ValueText({.objective = {.kind = Kind::kErrors}, .value = 0.4}),
            "0.40 %");
  EXPECT_EQ(ValueText({.objective = {.kind = Kind::kThroughput}, .value = 498}),
            "498/s");
}

TEST(ConclusionsTest, TheObjectiveOfTheHighestPercentileIsTheLimit) {
  Report report = StepReport();
  EXPECT_EQ(LatencyLimit(report), std::chrono::milliseconds(50));
  report.objectives.push_back({.objective = {.percent = 50, .limit = 6}});
  EXPECT_EQ(LatencyLimit(report), std::chrono::milliseconds(50));
  report.objectives.push_back({.objective = {.percent = 99.9, .limit = 90}});
  EXPECT_EQ(LatencyLimit(report), std::chrono::milliseconds(90));
  report.objectives.clear();
  EXPECT_EQ(LatencyLimit(report), std::nullopt);
}

}  // namespace
}  // namespace attention::load
