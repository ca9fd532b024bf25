// Shows what --slo takes, that it is printed as it is taken, how a step is held
// against it, and that everything else is refused with a reason.
#include "client/load/objectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <random>

namespace attention::load {
namespace {

using Kind = Objective::Kind;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kAnswered = static_cast<int>(Ending::kAnswered);
constexpr int kRefused = static_cast<int>(Ending::kRefused);

Objective Only(absl::string_view text) {
  const auto objectives = ParseObjectives(text);
  EXPECT_TRUE(objectives.ok()) << objectives.status();
  EXPECT_EQ(objectives.value().size(), 1U);
  return objectives->front();
}

std::string Refusal(absl::string_view text) {
  const auto objectives = ParseObjectives(text);
  EXPECT_EQ(objectives.status().code(), absl::StatusCode::kInvalidArgument)
      << text;
  return std::string(objectives.status().message());
}

TEST(ObjectivesTest, ReadsLatenciesInEveryUnit) {
  for (const absl::string_view text :
       {"p99.9=50ms", "p99.9=50000us", "p99.9=0.05s"}) {
    const Objective objective = Only(text);
    EXPECT_EQ(objective.kind, Kind::kLatency);
    EXPECT_EQ(objective.percent, 99.9);
    EXPECT_EQ(objective.limit, 50) << text;
  }
}

TEST(ObjectivesTest, MaxIsTheHundredthPercentile) {
  EXPECT_EQ(Only("max=2s").percent, 100);
  EXPECT_EQ(Only("p100=2s").percent, 100);
  EXPECT_EQ(Only("max=2s").limit, 2000);
}

TEST(ObjectivesTest, ReadsErrorsWithAndWithoutPerCent) {
  for (const absl::string_view text : {"errors=0.1%", "errors=0.1"}) {
    EXPECT_EQ(Only(text).kind, Kind::kErrors);
    EXPECT_EQ(Only(text).limit, 0.1);
  }
  EXPECT_EQ(Only("errors=0").limit, 0);
  EXPECT_EQ(Only("errors=100%").limit, 100);
}

TEST(ObjectivesTest, ReadsARate) {
  EXPECT_EQ(Only("rate=1000").kind, Kind::kThroughput);
  EXPECT_EQ(Only("rate=1000").limit, 1000);
}

TEST(ObjectivesTest, ReadsSeveralInTheirOrder) {
  const auto objectives =
      ParseObjectives("p50=5ms, p99 = 50ms ,errors=0,rate=9.5");

  ASSERT_TRUE(objectives.ok()) << objectives.status();
  ASSERT_EQ(objectives->size(), 4U);
  EXPECT_EQ((*objectives)[0].ToString(), "p50=5ms");
  EXPECT_EQ((*objectives)[1].ToString(), "p99=50ms");
  EXPECT_EQ((*objectives)[2].ToString(), "errors=0%");
  EXPECT_EQ((*objectives)[3].ToString(), "rate=9.5");
}

TEST(ObjectivesTest, PrintsMillisecondsWithoutNoise) {
  EXPECT_EQ(Only("p99=200us").ToString(), "p99=0.2ms");
  EXPECT_EQ(Only("p99=4.035s").ToString(), "p99=4035ms");
}

TEST(ObjectivesTest, ReadsWhatItPrints) {
  constexpr int kSeed = 1;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  std::uniform_real_distribution<double> percent(1e-3, 100);
  std::uniform_int_distribution<std::int64_t> ns(1, 3'600'000'000'000);
  std::uniform_real_distribution<double> rate(1e-3, 1e9);
  for (int i = 0; i < 1000; ++i) {
    for (const Objective& objective :
         {Objective{.kind = Kind::kLatency,
                    .percent = percent(random),
                    .limit = static_cast<double>(ns(random)) / 1e6},
          Objective{.kind = Kind::kErrors, .limit = percent(random)},
          Objective{.kind = Kind::kThroughput, .limit = rate(random)}}) {
      const Objective read = Only(objective.ToString());
      ASSERT_EQ(read.kind, objective.kind) << objective.ToString();
      ASSERT_EQ(read.percent, objective.percent) << objective.ToString();
      ASSERT_EQ(read.limit, objective.limit) << objective.ToString();
    }
  }
}

TEST(ObjectivesTest, RefusesWhatIsNoObjective) {
  for (const absl::string_view text :
       {"", ",", "50ms", "=50ms", "p=5ms", "q99=5ms", "error=0", "p99=5ms,",
        "Errors=0"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("taken are pN=TIME")) << text;
  }
}

TEST(ObjectivesTest, NamesThePartThatIsWrong) {
  EXPECT_THAT(Refusal("p50=1ms, p99=fast ,errors=0"),
              StartsWith("'p99=fast': "));
}

TEST(ObjectivesTest, RefusesPercentilesOutOfRange) {
  for (const absl::string_view text :
       {"p0=5ms", "p100.1=5ms", "p-1=5ms", "pnan=5ms", "p9x=5ms"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("above 0 and at most 100")) << text;
  }
}

TEST(ObjectivesTest, RefusesTimesWithoutAUnit) {
  for (const absl::string_view text :
       {"p99", "p99=", "p99=50", "p99=50m", "max=50min"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("unit, us, ms or s")) << text;
  }
}

TEST(ObjectivesTest, RefusesTimesOutOfRange) {
  for (const absl::string_view text :
       {"p99=0ms", "p99=-5ms", "p99=ms", "p99=5 0ms", "p99=nans", "p99=infs",
        "p99=0.0001us", "p99=3600.1s"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("from 0.001us to 3600s")) << text;
  }
  EXPECT_EQ(Only("p99=3600s").limit, 3600e3);
  EXPECT_EQ(Only("p99=0.001us").limit, 1e-6);
}

TEST(ObjectivesTest, RefusesErrorsOutOfRange) {
  for (const absl::string_view text :
       {"errors=-1", "errors=100.1", "errors=", "errors=%", "errors=few",
        "errors=nan", "errors=1%%"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("from 0 to 100 per cent")) << text;
  }
}

TEST(ObjectivesTest, RefusesRatesOutOfRange) {
  for (const absl::string_view text :
       {"rate=0", "rate=-1", "rate=", "rate=1000/s", "rate=inf",
        "rate=1000000001"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("answers a second, as in rate=1000"))
        << text;
  }
}

TEST(ObjectivesTest, RefusesTheSameFigureTwice) {
  EXPECT_THAT(Refusal("p99=50ms,p99.0=60ms"),
              HasSubstr("'p99.0=60ms': comes after p99=50ms"));
  EXPECT_THAT(Refusal("max=50ms,p100=50ms"), HasSubstr("taken once"));
  EXPECT_THAT(Refusal("errors=0,errors=1"), HasSubstr("taken once"));
  EXPECT_THAT(Refusal("rate=5,rate=6"), HasSubstr("taken once"));
}

// 1000 offered in 10 s: 993 answered in 1 to 993 ms, and 7 refused.
Step SomeStep() {
  Step step;
  step.duration = Seconds(10);
  step.offered = 1000;
  step.ended[kAnswered] = 993;
  step.completed = 993;
  step.ended[kRefused] = 7;
  for (int i = 1; i <= 993; ++i) {
    step.latency[kAnswered].Record(milliseconds(i));
  }
  return step;
}

TEST(ObjectivesTest, ShowsTheValueInTheUnitOfTheLimit) {
  EXPECT_NEAR(ValueOf(Only("p50=1ms"), SomeStep()), 500, 0.004 * 500);
  EXPECT_EQ(ValueOf(Only("p99.3=1ms"), SomeStep()), 993);
  EXPECT_EQ(ValueOf(Only("errors=0"), SomeStep()), 0.7);
  EXPECT_DOUBLE_EQ(ValueOf(Only("rate=1"), SomeStep()), 99.3);
}

TEST(ObjectivesTest, HoldsAtItsLimitAndNotBeyond) {
  EXPECT_TRUE(Holds(Only("p99.3=993ms"), SomeStep()));
  EXPECT_FALSE(Holds(Only("p99.3=992.9ms"), SomeStep()));
  EXPECT_TRUE(Holds(Only("errors=0.7%"), SomeStep()));
  EXPECT_FALSE(Holds(Only("errors=0.69%"), SomeStep()));
  EXPECT_TRUE(Holds(Only("rate=99.3"), SomeStep()));
  EXPECT_FALSE(Holds(Only("rate=99.4"), SomeStep()));
}

TEST(ObjectivesTest, DroppedRequestsAreErrors) {
  Step step = SomeStep();
  step.ended[kRefused] = 0;
  step.dropped = 7;

  EXPECT_EQ(ValueOf(Only("errors=0"), step), 0.7);
}

TEST(ObjectivesTest, NoAnswerIsInfinitelyLate) {
  Step step;
  step.duration = Seconds(1);
  step.offered = 5;
  step.ended[kRefused] = 5;

  EXPECT_EQ(ValueOf(Only("p50=1s"), step),
            std::numeric_limits<double>::infinity());
  EXPECT_FALSE(Holds(Only("p50=3600s"), step));
  EXPECT_EQ(ValueOf(Only("errors=1"), step), 100);
  EXPECT_FALSE(Holds(Only("rate=0.001"), step));
}

// Who answers 10 of 1000 requests, and those at once, has no p99 of 50 ms; of
// the fastest per cent all are answered.
TEST(ObjectivesTest, WhatIsNotAnsweredIsInfinitelyLate) {
  Step step;
  step.duration = Seconds(1);
  step.offered = 1000;
  step.ended[kAnswered] = 10;
  step.ended[kRefused] = 990;
  for (int i = 1; i <= 10; ++i) {
    step.latency[kAnswered].Record(milliseconds(i));
  }

  EXPECT_FALSE(Holds(Only("p99=50ms"), step));
  EXPECT_FALSE(Holds(Only("p1.1=50ms"), step));
  EXPECT_EQ(ValueOf(Only("p1=50ms"), step), 10);
  EXPECT_EQ(ValueOf(Only("p0.1=50ms"), step), 1);
  EXPECT_FALSE(Holds(Only("max=3600s"), SomeStep()));
}

// Half the answers of a deployment that holds p50=5ms may take longer.
TEST(ObjectivesTest, TheLimitIsThatOfTheHighestPercentile) {
  EXPECT_EQ(LatencyLimit(ParseObjectives("p50=5ms,p99=50ms,rate=1").value()),
            milliseconds(50));
  EXPECT_EQ(LatencyLimit(ParseObjectives("max=1s,p99=50ms").value()),
            milliseconds(1000));
  EXPECT_EQ(LatencyLimit(ParseObjectives("errors=0").value()), std::nullopt);
}

TEST(ObjectivesTest, GoodputCountsWhatIsWithinTheLimit) {
  EXPECT_EQ(Goodput(SomeStep(), milliseconds(2)), 0.2);
  EXPECT_EQ(Goodput(SomeStep(), milliseconds(5000)), 99.3);
}

// Answers that came after the measured part are late, whatever the limit.
TEST(ObjectivesTest, GoodputIsNeverMoreThanCame) {
  Step step = SomeStep();
  step.completed = 500;

  EXPECT_EQ(Goodput(step, milliseconds(5000)), 50);
  EXPECT_EQ(Goodput(step, std::nullopt), 50);
}

TEST(ObjectivesTest, NothingOfferedIsNoError) {
  Step step;
  step.duration = Seconds(1);

  EXPECT_EQ(ValueOf(Only("errors=0"), step), 0);
}

}  // namespace
}  // namespace attention::load
