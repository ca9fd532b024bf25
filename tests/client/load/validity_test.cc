// Shows when a step is said to have measured the client, at each limit and just
// above it, and that the reason names the figure, the limit and the remedy.
#include "client/load/validity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// 1000 requests answered in `latency`, sent `lag` late.
Step StepOf(milliseconds latency, Histogram::Duration lag) {
  Step step;
  step.load = {.arrivals = Arrivals::kPoisson, .rate = 100};
  step.duration = Seconds(10);
  step.offered = 1000;
  step.ended[static_cast<int>(Ending::kAnswered)] = 1000;
  for (int i = 0; i < 1000; ++i) {
    step.latency[static_cast<int>(Ending::kAnswered)].Record(latency);
    step.send_lag.Record(lag);
  }
  step.client_cores = 0.5;
  step.busiest_thread = 0.4;
  return step;
}

TEST(ValidityTest, TrustsAClientThatKeepsUp) {
  EXPECT_THAT(WhyInvalid(StepOf(milliseconds(5), milliseconds(0)), 2),
              IsEmpty());
}

TEST(ValidityTest, AllowsALagOfATenthOfTheLatency) {
  EXPECT_THAT(WhyInvalid(StepOf(milliseconds(50), milliseconds(5)), 2),
              IsEmpty());
  EXPECT_THAT(
      WhyInvalid(StepOf(milliseconds(50), milliseconds(6)), 2),
      ElementsAre(AllOf(HasSubstr("p99 6.00 ms"), HasSubstr("5.00 ms are"),
                        HasSubstr("more --threads"))));
}

TEST(ValidityTest, AllowsALagOfAMillisecondHoweverFastTheAnswers) {
  EXPECT_THAT(WhyInvalid(StepOf(milliseconds(2), milliseconds(1)), 2),
              IsEmpty());
  EXPECT_THAT(
      WhyInvalid(StepOf(milliseconds(2), std::chrono::microseconds(1100)), 2),
      ElementsAre(AllOf(HasSubstr("p99 1.10 ms"), HasSubstr("1.00 ms are"))));
}

TEST(ValidityTest, ARareLagDoesNotMatter) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  for (int i = 0; i < 10; ++i) {
    step.send_lag.Record(milliseconds(500));
  }

  EXPECT_THAT(WhyInvalid(step, 2), IsEmpty());
}

TEST(ValidityTest, AClosedLoopHasNoLag) {
  Step step = StepOf(milliseconds(5), milliseconds(500));
  step.load = {.arrivals = Arrivals::kClosed, .concurrency = 8};

  EXPECT_THAT(WhyInvalid(step, 2), IsEmpty());
}

TEST(ValidityTest, JudgesTheLagWhenNothingWasAnswered) {
  Step step = StepOf(milliseconds(5), milliseconds(2));
  step.ended[static_cast<int>(Ending::kAnswered)] = 0;
  step.latency[static_cast<int>(Ending::kAnswered)] = Histogram();

  EXPECT_THAT(WhyInvalid(step, 2),
              ElementsAre(HasSubstr("1.00 ms are allowed")));
}

TEST(ValidityTest, AFullThreadIsTooMuchHoweverIdleTheOthers) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.client_cores = 1.2;
  step.busiest_thread = 0.9;
  EXPECT_THAT(WhyInvalid(step, 8), IsEmpty());

  step.busiest_thread = 0.91;
  EXPECT_THAT(WhyInvalid(step, 8),
              ElementsAre(AllOf(HasSubstr("used 0.91 of a core"),
                                HasSubstr("0.90 is allowed"),
                                HasSubstr("more --threads"))));
}

TEST(ValidityTest, AllThreadsTogetherHaveALimit) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.client_cores = 3.6;
  EXPECT_THAT(WhyInvalid(step, 4), IsEmpty());

  step.client_cores = 3.7;
  EXPECT_THAT(WhyInvalid(step, 4),
              ElementsAre(AllOf(HasSubstr("4 threads used 3.70 cores"),
                                HasSubstr("3.60 are allowed"),
                                HasSubstr("another machine"))));
}

TEST(ValidityTest, NoRequestMayBeDropped) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.dropped = 3;

  EXPECT_THAT(WhyInvalid(step, 2),
              ElementsAre(AllOf(HasSubstr("3 of 1000 requests"),
                                HasSubstr("larger --max-in-flight"))));
}

// A server that is too slow leaves too many in flight.
TEST(ValidityTest, DroppedRequestsAreNotTheClientsFault) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  EXPECT_FALSE(IsClientLimited(step));

  step.dropped = 3;
  step.invalid = WhyInvalid(step, 2);
  EXPECT_EQ(step.invalid.size(), 1U);
  EXPECT_FALSE(IsClientLimited(step));

  step.busiest_thread = 1;
  step.invalid = WhyInvalid(step, 2);
  EXPECT_EQ(step.invalid.size(), 2U);
  EXPECT_TRUE(IsClientLimited(step));

  Step nothing;
  nothing.duration = Seconds(1);
  nothing.invalid = WhyInvalid(nothing, 2);
  EXPECT_EQ(nothing.invalid.size(), 1U);
  EXPECT_FALSE(IsClientLimited(nothing));
}

TEST(ValidityTest, AStepOfNothingSaysNothing) {
  Step step;
  step.load = {.arrivals = Arrivals::kPoisson, .rate = 0.1};
  step.duration = Seconds(2.5);

  EXPECT_THAT(WhyInvalid(step, 2),
              ElementsAre(AllOf(HasSubstr("in 2.50 s"),
                                HasSubstr("longer --duration"))));
}

TEST(ValidityTest, SaysEveryReason) {
  Step step = StepOf(milliseconds(5), milliseconds(5));
  step.busiest_thread = 1;
  step.dropped = 1;

  EXPECT_EQ(WhyInvalid(step, 2).size(), 3U);
}

}  // namespace
}  // namespace attention::load
