// Shows that a sweep finds the knee of deployments whose capacity is known, in
// the face of noise and of a weak client. Deployments are simulated: no test
// waits.
#include "client/load/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <utility>

#include "client/load/arrival_times.h"
#include "tests/client/load/simulated_deployment.h"

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kAnswered = static_cast<int>(Ending::kAnswered);
constexpr int kRefused = static_cast<int>(Ending::kRefused);

std::vector<double> RatesOf(const std::vector<Step>& steps) {
  std::vector<double> rates;
  for (const Step& step : steps) {
    rates.push_back(step.load.rate);
  }
  return rates;
}

// Fast up to `capacity`, slow above it.
Measure Capacity(double capacity) {
  return EachBy([capacity](const Trial& trial) {
    return StepOf(trial, milliseconds(trial.load.rate <= capacity ? 5 : 500));
  });
}

TEST(SweepTest, FindsTheKneeWithinTheResolution) {
  for (const double capacity : {1.0, 7.7, 100.0, 1234.5, 5e5}) {
    const auto sweep = RunSweep(KneeOptions(1), Capacity(capacity));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_GE(sweep->knee, 0);
    const double knee = sweep->steps[sweep->knee].load.rate;
    EXPECT_LE(knee, capacity);
    EXPECT_GE(knee * 1.05, capacity);
  }
}

// 800 fails twice; then the geometric means of what is left.
TEST(SweepTest, DoublesAndThenBisects) {
  SweepOptions options = KneeOptions(100);
  options.resolution = 1.2;

  const auto sweep = RunSweep(options, Capacity(700));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  const double halfway = std::sqrt(400.0 * 800.0);
  const std::vector<double> rates = RatesOf(sweep->steps);
  EXPECT_THAT(rates, ElementsAre(100, 200, 400, 800, 800, halfway,
                                 std::sqrt(halfway * 800)));
  EXPECT_EQ(sweep->knee, 6);
}

TEST(SweepTest, MeasuresWhatItIsTold) {
  SweepOptions options = KneeOptions(10);
  options.arrivals = Arrivals::kConstant;
  options.warm_up = Seconds(2);
  options.duration = Seconds(7);
  options.max_rate = 10;

  const auto sweep =
      RunSweep(options, EachBy([](const Trial& trial) {
                 EXPECT_EQ(trial.load.arrivals, Arrivals::kConstant);
                 EXPECT_EQ(trial.warm_up, Seconds(2));
                 EXPECT_EQ(trial.duration, Seconds(7));
                 return StepOf(trial, milliseconds(1));
               }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_THAT(sweep->steps, SizeIs(1));
}

TEST(SweepTest, StopsAtTheHighestRateAllowed) {
  SweepOptions options = KneeOptions(100);
  options.max_rate = 500;
  options.overloads = {2};

  const auto sweep = RunSweep(options, Capacity(1e9));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_THAT(RatesOf(sweep->steps), ElementsAre(100, 200, 400, 500));
  EXPECT_EQ(sweep->knee, 3);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kMaxRate);
  EXPECT_THAT(sweep->overloads, IsEmpty());
  EXPECT_THAT(sweep->skipped_overloads, ElementsAre(2));
}

TEST(SweepTest, GoesDownWhenTheFirstRateIsTooHigh) {
  const auto sweep = RunSweep(KneeOptions(1000), Capacity(70));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  const double knee = sweep->steps[sweep->knee].load.rate;
  EXPECT_LE(knee, 70);
  EXPECT_GE(knee * 1.05, 70);
}

TEST(SweepTest, GivesUpAtASixtyFourthOfTheFirstRate) {
  SweepOptions options = KneeOptions(640);
  options.overloads = {2};

  const auto sweep = RunSweep(options, Capacity(9));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_EQ(sweep->knee, -1);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kServer);
  EXPECT_EQ(sweep->steps.back().load.rate, 10);
  EXPECT_THAT(sweep->overloads, IsEmpty());
}

// At 3.125 requests a second 5 s have 16, of which one that is lucky would be
// no proof.
TEST(SweepTest, GoesNoLowerThanTwentyRequestsAStep) {
  const auto sweep = RunSweep(KneeOptions(100), Capacity(1));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_EQ(sweep->knee, -1);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kServer);
  EXPECT_THAT(RatesOf(sweep->steps),
              ElementsAre(100, 100, 50, 50, 25, 25, 12.5, 12.5, 6.25, 6.25));
}

// Of 100 requests, 99 have to be answered, whatever the objectives say.
TEST(SweepTest, UnansweredRequestsEndIt) {
  SweepOptions options = KneeOptions(100);
  options.objectives = {};

  const auto sweep = RunSweep(options, EachBy([](const Trial& trial) {
                                Step step = StepOf(trial, milliseconds(5));
                                const int refused =
                                    trial.load.rate < 350 ? 1 : 2;
                                step.ended[kAnswered] -= refused;
                                step.ended[kRefused] += refused;
                                return step;
                              }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 350, 0.05 * 350);
}

TEST(SweepTest, AStepOfNothingDoesNotHold) {
  SweepOptions options = KneeOptions(1);
  options.objectives = {};

  const auto sweep = RunSweep(options, EachBy([](const Trial& trial) {
                                Step step;
                                step.load = trial.load;
                                step.duration = trial.duration;
                                return step;
                              }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_EQ(sweep->knee, -1);
}

TEST(SweepTest, AnObjectiveOfThroughputDoesNotForbidLowRates) {
  SweepOptions options = KneeOptions(1);
  options.objectives = ParseObjectives("p99=50ms,rate=1000").value();

  const auto sweep = RunSweep(options, Capacity(64));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_EQ(sweep->steps[sweep->knee].load.rate, 64);
}

TEST(SweepTest, AHiccupAtALowRateDoesNotHideTheKnee) {
  for (const int hiccup : {0, 1, 3, 6}) {
    int turn = 0;
    const auto sweep = RunSweep(
        KneeOptions(1), EachBy([&](const Trial& trial) {
          const bool is_slow = turn++ == hiccup || trial.load.rate > 1000;
          return StepOf(trial, milliseconds(is_slow ? 500 : 5));
        }));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_GE(sweep->knee, 0);
    EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 1000, 50) << hiccup;
  }
}

// Every fifth step says the opposite of the truth. Whatever came of it, the
// knee is the highest rate that held, and one just above it did not.
TEST(SweepTest, TheKneeIsTheHighestRateThatHeldHoweverNoisy) {
  for (int seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::bernoulli_distribution is_lie(0.2);
    const auto sweep = RunSweep(
        KneeOptions(50), EachBy([&](const Trial& trial) {
          const bool is_slow = (trial.load.rate > 1000) != is_lie(random);
          return StepOf(trial, milliseconds(is_slow ? 500 : 5));
        }));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_LT(sweep->steps.size(), 60U);
    double highest_held = 0;
    double lowest_failed = std::numeric_limits<double>::infinity();
    for (const Step& step : sweep->steps) {
      if (step.latency[kAnswered].max() < milliseconds(50)) {
        highest_held = std::max(highest_held, step.load.rate);
      }
    }
    for (const Step& step : sweep->steps) {
      if (step.load.rate > highest_held) {
        lowest_failed = std::min(lowest_failed, step.load.rate);
      }
    }
    if (sweep->knee < 0) {
      EXPECT_EQ(highest_held, 0);
      continue;
    }
    EXPECT_EQ(sweep->steps[sweep->knee].load.rate, highest_held);
    EXPECT_LE(lowest_failed, 1.05 * highest_held);
  }
}

TEST(SweepTest, AWeakClientIsNoKnee) {
  const auto sweep = RunSweep(KneeOptions(100), EachBy([](const Trial& trial) {
                                Step step = StepOf(trial, milliseconds(5));
                                if (trial.load.rate > 300) {
                                  step.invalid = {{"the client was too slow"}};
                                }
                                return step;
                              }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_THAT(sweep->steps[sweep->knee].invalid, IsEmpty());
  EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 300, 15);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kClient);
  // It went no higher, and says why.
  for (const Step& step : sweep->steps) {
    EXPECT_LE(step.load.rate, 400);
    EXPECT_EQ(step.invalid.empty(), step.load.rate <= 300);
  }
}

// At 400/s the first of two tries is the client's fault, the second is not.
TEST(SweepTest, AValidTryOverridesAnInvalidOne) {
  SweepOptions options = KneeOptions(100);
  options.resolution = 2;
  int tries = 0;

  const auto sweep =
      RunSweep(options, EachBy([&](const Trial& trial) {
                 const bool is_slow = trial.load.rate > 300;
                 Step step = StepOf(trial, milliseconds(is_slow ? 500 : 5));
                 if (is_slow && tries++ == 0) {
                   step.invalid = {{"the client was too slow"}};
                 }
                 return step;
               }));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  EXPECT_THAT(RatesOf(sweep->steps), ElementsAre(100, 200, 400, 400));
  EXPECT_EQ(sweep->limit, Sweep::Limit::kServer);
}

// One of 101 requests is dropped above 300/s, and the others take `latency`.
Measure DropsAbove300(milliseconds latency) {
  return EachBy([latency](const Trial& trial) {
    const bool drops = trial.load.rate > 300;
    Step step = StepOf(trial, drops ? latency : milliseconds(5));
    if (drops) {
      step.dropped = 1;
      ++step.offered;
      step.invalid = {{"100 in flight", InvalidReason::Kind::kInFlight}};
    }
    return step;
  });
}

// As many as may be are under way because the server is slow.
TEST(SweepTest, DroppedRequestsAreTheServersFaultWhenTheOthersAreLate) {
  SweepOptions options = KneeOptions(100);
  options.overloads = {1.5, 2};

  const auto sweep = RunSweep(options, DropsAbove300(milliseconds(500)));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 300, 15);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kServer);
  EXPECT_THAT(sweep->overloads, SizeIs(2));
}

TEST(SweepTest, DroppedRequestsAreTheClientsLimitWhenTheOthersHold) {
  SweepOptions options = KneeOptions(100);
  options.overloads = {1.5, 2};

  const auto sweep = RunSweep(options, DropsAbove300(milliseconds(5)));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 300, 15);
  EXPECT_EQ(sweep->limit, Sweep::Limit::kClient);
  EXPECT_THAT(sweep->overloads, SizeIs(1));
}

// All are answered in the end, and no objective says when.
TEST(SweepTest, AGrowingBacklogDoesNotHold) {
  SweepOptions options = KneeOptions(10);
  options.objectives = {};
  for (const Arrivals arrivals : {Arrivals::kConstant, Arrivals::kPoisson}) {
    options.arrivals = arrivals;

    const auto sweep = RunSweep(options, QueueOf(1000));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    ASSERT_GE(sweep->knee, 0);
    EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 1000, 80);
  }
}

// Each request takes 500 ms however many there are: a few are under way when
// the step begins and a few when it ends, and without a warm-up none at first.
TEST(SweepTest, RequestsUnderWayAreNoBacklog) {
  for (int seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    SweepOptions options = KneeOptions(seed % 3 == 0 ? 4 : 100);
    options.objectives = {};
    options.max_rate = options.first_rate;
    options.warm_up = Seconds(seed % 2);

    const auto sweep = RunSweep(
        options, EachBy([&](const Trial& trial) {
          Step step;
          step.load = trial.load;
          step.duration = trial.duration;
          ArrivalTimes arrivals(trial.load.arrivals, trial.load.rate,
                                static_cast<std::uint64_t>(seed));
          const Seconds end = trial.warm_up + trial.duration;
          for (Seconds at = arrivals.Next(); at < end; at = arrivals.Next()) {
            const Seconds done = at + Seconds(0.5);
            step.completed += done >= trial.warm_up && done < end;
            if (at >= trial.warm_up) {
              ++step.offered;
              ++step.ended[kAnswered];
              step.latency[kAnswered].Record(milliseconds(500));
            }
          }
          return step;
        }));

    ASSERT_TRUE(sweep.ok()) << sweep.status();
    EXPECT_THAT(sweep->steps, SizeIs(1));
    EXPECT_EQ(sweep->knee, 0);
  }
}

// A queue with even arrivals holds everything below its capacity. Above it the
// queue grows; 5 s of 1 % too much are 50 ms.
TEST(SweepTest, FindsTheCapacityOfAQueue) {
  SweepOptions options = KneeOptions(10);
  options.arrivals = Arrivals::kConstant;

  const auto sweep = RunSweep(options, QueueOf(1000));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  const double knee = sweep->steps[sweep->knee].load.rate;
  EXPECT_LE(knee, 1010);
  EXPECT_GE(knee * 1.05, 1000);
}

// With Poisson arrivals a queue is late before it is full. Of the waits for a
// server that takes D = 10 ms (M/D/1), the part that is at most t = 40 ms is
// (1 - rate D) sum over k = 0..4 of (rate (k D - t))^k / k! exp(rate (t - k D))
// (Erlang, 1909): 99 % at 56.1 requests a second.
TEST(SweepTest, BurstsLowerTheKneeOfAQueue) {
  SweepOptions options = KneeOptions(10);
  options.duration = Seconds(2000);

  const auto sweep = RunSweep(options, QueueOf(100));

  ASSERT_TRUE(sweep.ok()) << sweep.status();
  ASSERT_GE(sweep->knee, 0);
  EXPECT_NEAR(sweep->steps[sweep->knee].load.rate, 56.1, 0.06 * 56.1);
}

TEST(SweepTest, EndsWhenNothingCanBeMeasured) {
  for (const int calls : {0, 3, 5, 8}) {
    int call = 0;
    const auto sweep = RunSweep(
        KneeOptions(100),
        EachBy([&](const Trial& trial) -> absl::StatusOr<Step> {
          if (call++ == calls) {
            return absl::UnavailableError("gone");
          }
          return StepOf(trial, milliseconds(trial.load.rate > 700 ? 500 : 5));
        }));

    EXPECT_EQ(sweep.status(), absl::UnavailableError("gone"));
    EXPECT_EQ(call, calls + 1);
  }
}

TEST(SweepTest, RefusesOptionsOutOfRange) {
  const std::pair<std::function<void(SweepOptions&)>, const char*> cases[] = {
      {[](SweepOptions& o) { o.arrivals = Arrivals::kClosed; },
       "taken are poisson and constant"},
      {[](SweepOptions& o) { o.first_rate = 0; },
       "first_rate is 0, taken is more than 0"},
      {[](SweepOptions& o) { o.max_rate = 99; },
       "max_rate is 99, taken is first_rate or more"},
      {[](SweepOptions& o) { o.duration = Seconds(0); }, "duration is 0"},
      {[](SweepOptions& o) { o.first_rate = 3.9; },
       "first_rate is 3.9, of which a step of 5 s has less than 20 requests to "
       "be judged by; taken is 4 or more, or a longer duration"},
      {[](SweepOptions& o) { o.resolution = 1; },
       "resolution is 1, taken is 1.001 or more"},
      {[](SweepOptions& o) { o.recovery_limit = Seconds(0); },
       "recovery_limit is 0"},
      {[](SweepOptions& o) { o.overloads = {2, 1}; },
       "an overload is 1, taken is more than 1"}};
  for (const auto& [change, reason] : cases) {
    SweepOptions options = KneeOptions(100);
    change(options);

    const auto sweep = RunSweep(options, Capacity(1));

    EXPECT_EQ(sweep.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(sweep.status().message()), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace attention::load
