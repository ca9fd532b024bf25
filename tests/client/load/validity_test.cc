// Shows when a step is said to have measured the client, at each limit and just
// above it, and that the reason names the figure, the limit and the remedy.
#include "client/load/validity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

std::vector<std::string> Reasons(const Step& step,
                                 const ClientMeans& means = {}) {
  std::vector<std::string> texts;
  for (InvalidReason& reason : WhyInvalid(step, means)) {
    texts.push_back(std::move(reason.text));
  }
  return texts;
}

TEST(ValidityTest, TrustsAClientThatKeepsUp) {
  EXPECT_THAT(Reasons(StepOf(milliseconds(5), milliseconds(0))), IsEmpty());
}

TEST(ValidityTest, AllowsALagOfATenthOfTheLatency) {
  EXPECT_THAT(Reasons(StepOf(milliseconds(50), milliseconds(5))), IsEmpty());
  EXPECT_THAT(
      Reasons(StepOf(milliseconds(50), milliseconds(6))),
      ElementsAre(AllOf(HasSubstr("p99 6.00 ms"), HasSubstr("5.00 ms are"),
                        HasSubstr("more --threads"))));
}

TEST(ValidityTest, AllowsALagOfAMillisecondHoweverFastTheAnswers) {
  EXPECT_THAT(Reasons(StepOf(milliseconds(2), milliseconds(1))), IsEmpty());
  EXPECT_THAT(
      Reasons(StepOf(milliseconds(2), std::chrono::microseconds(1100))),
      ElementsAre(AllOf(HasSubstr("p99 1.10 ms"), HasSubstr("1.00 ms are"))));
}

TEST(ValidityTest, ARareLagDoesNotMatter) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  for (int i = 0; i < 10; ++i) {
    step.send_lag.Record(milliseconds(500));
  }

  EXPECT_THAT(Reasons(step), IsEmpty());
}

TEST(ValidityTest, AClosedLoopHasNoLag) {
  Step step = StepOf(milliseconds(5), milliseconds(500));
  step.load = {.arrivals = Arrivals::kClosed, .concurrency = 8};

  EXPECT_THAT(Reasons(step), IsEmpty());
}

TEST(ValidityTest, JudgesTheLagWhenNothingWasAnswered) {
  Step step = StepOf(milliseconds(5), milliseconds(2));
  step.ended[static_cast<int>(Ending::kAnswered)] = 0;
  step.latency[static_cast<int>(Ending::kAnswered)] = Histogram();

  EXPECT_THAT(Reasons(step), ElementsAre(HasSubstr("1.00 ms are allowed")));
}

TEST(ValidityTest, AFullThreadIsTooMuchHoweverIdleTheOthers) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.client_cores = 1.2;
  step.busiest_thread = 0.9;
  EXPECT_THAT(Reasons(step, {.threads = 8}), IsEmpty());

  step.busiest_thread = 0.91;
  EXPECT_THAT(Reasons(step, {.threads = 8}),
              ElementsAre(AllOf(HasSubstr("used 0.91 of a core"),
                                HasSubstr("0.90 is allowed"),
                                HasSubstr("more --threads"))));
}

TEST(ValidityTest, AllThreadsTogetherHaveALimit) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.client_cores = 3.6;
  EXPECT_THAT(Reasons(step, {.threads = 4}), IsEmpty());

  step.client_cores = 3.7;
  EXPECT_THAT(Reasons(step, {.threads = 4}),
              ElementsAre(AllOf(HasSubstr("4 threads used 3.70 cores"),
                                HasSubstr("3.60 are allowed"),
                                HasSubstr("another machine"))));
}

// Four threads on two CPUs, or on what a quota leaves of them.
TEST(ValidityTest, ThreadsUseNoMoreThanTheCpusThereAre) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.client_cores = 1.8;
  EXPECT_THAT(Reasons(step, {.threads = 4, .cpus = 2}), IsEmpty());

  step.client_cores = 1.9;
  EXPECT_THAT(Reasons(step, {.threads = 4, .cpus = 2}),
              ElementsAre(AllOf(HasSubstr("4 threads used 1.90 cores"),
                                HasSubstr("1.80 are allowed"))));
  EXPECT_THAT(Reasons(step, {.threads = 4, .cpus = 1.5}),
              ElementsAre(HasSubstr("1.35 are allowed")));
}

TEST(ValidityTest, MoreThreadsHelpOnlyWhereThereAreCpusForThem) {
  Step step = StepOf(milliseconds(5), milliseconds(5));
  step.busiest_thread = 1;
  for (const std::string& reason : Reasons(step, {.threads = 2, .cpus = 4})) {
    EXPECT_THAT(reason, HasSubstr("use more --threads"));
  }
  for (const std::string& reason : Reasons(step, {.threads = 4, .cpus = 4})) {
    EXPECT_THAT(reason, AllOf(Not(HasSubstr("--threads")),
                              HasSubstr(": use less load or")));
  }
}

TEST(ValidityTest, SaysWhatDropsRequestsAndWhatHelps) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.dropped = 3;

  EXPECT_THAT(Reasons(step, {.max_in_flight = 700}),
              ElementsAre("3 of 1000 requests were never sent because 700 "
                          "others were under way, as many as --max-in-flight "
                          "allows: use a larger --max-in-flight or a lower "
                          "rate"));
  EXPECT_THAT(
      Reasons(step, {.max_in_flight = 32, .is_limited_by_streams = true}),
      ElementsAre("3 of 1000 requests were never sent because 32 others were "
                  "under way, as many as the server reads of the streams: use "
                  "more --streams or a lower rate"));
}

TEST(ValidityTest, SaysThatTheClientWasBehindAtTheEnd) {
  Step step = StepOf(milliseconds(5), milliseconds(0));
  step.dropped = 10;
  step.too_late = 7;

  EXPECT_THAT(Reasons(step),
              ElementsAre(AllOf(HasSubstr("7 of 1000 requests were never sent"),
                                HasSubstr("still behind"),
                                HasSubstr("use more --threads")),
                          HasSubstr("3 of 1000 requests were never sent")));
}

TEST(ValidityTest, EveryReasonHasItsKind) {
  using Kind = InvalidReason::Kind;
  const auto kinds = [](Step step) {
    step.invalid = WhyInvalid(step, {});
    std::vector<Kind> found;
    for (const Kind kind :
         {Kind::kTooSlow, Kind::kInFlight, Kind::kNoRequests}) {
      if (IsInvalidFor(kind, step)) found.push_back(kind);
    }
    return found;
  };
  Step step = StepOf(milliseconds(5), milliseconds(0));
  EXPECT_THAT(kinds(step), IsEmpty());

  step.dropped = 3;
  EXPECT_THAT(kinds(step), ElementsAre(Kind::kInFlight));

  step.busiest_thread = 1;
  EXPECT_THAT(kinds(step), ElementsAre(Kind::kTooSlow, Kind::kInFlight));

  Step nothing;
  nothing.duration = Seconds(1);
  EXPECT_THAT(kinds(nothing), ElementsAre(Kind::kNoRequests));
}

TEST(ValidityTest, AStepOfNothingSaysNothing) {
  Step step;
  step.load = {.arrivals = Arrivals::kPoisson, .rate = 0.1};
  step.duration = Seconds(2.5);

  EXPECT_THAT(Reasons(step),
              ElementsAre(AllOf(HasSubstr("in 2.50 s"),
                                HasSubstr("longer --duration"))));
}

TEST(ValidityTest, SaysEveryReason) {
  Step step = StepOf(milliseconds(5), milliseconds(5));
  step.busiest_thread = 1;
  step.dropped = 1;

  EXPECT_EQ(Reasons(step).size(), 3U);
}

}  // namespace
}  // namespace attention::load
