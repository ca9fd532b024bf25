// What is measured is what happened: against a server whose times are known.
#include "client/load/load_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "client/load/validity.h"
#include "tests/support/slowdown.h"
#include "tests/support/timed_service.h"

namespace attention::load {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

double Ms(nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// One small request after another.
Workload SmallRequests() {
  return {.name = "small", .distinct = 4, .mixes = {{.lengths = {.value = 2}}}};
}

// The nearest rank among what the server itself has written down.
double TruePercentile(const std::vector<TimedService::Call>& calls,
                      double percent) {
  std::vector<nanoseconds> times;
  for (const TimedService::Call& call : calls) {
    if (call.answer.has_value()) {
      times.push_back(duration_cast<nanoseconds>(*call.answer - call.arrival));
    }
  }
  std::sort(times.begin(), times.end());
  const auto rank = static_cast<std::size_t>(
      std::ceil(percent / 100 * static_cast<double>(times.size())));
  return Ms(times[std::max<std::size_t>(rank, 1) - 1]);
}

// A deployment of one TimedService and requests for it.
class LoadRunTest : public testing::Test {
 protected:
  void Start(TimedService::Options options) {
    service_ = std::make_unique<TimedService>(std::move(options));
    Connect({.targets = {service_->address()}});
  }

  void Connect(const Access& access) {
    auto deployment = Deployment::Connect(access, std::chrono::seconds(20));
    ASSERT_TRUE(deployment.ok()) << deployment.status();
    deployment_ = *std::move(deployment);
    const auto models = deployment_->ListModels();
    ASSERT_TRUE(models.ok()) << models.status();
    auto requests = PrepareRequests(SmallRequests(), *models);
    ASSERT_TRUE(requests.ok()) << requests.status();
    requests_ = *std::move(requests);
  }

  RunSetup SetupOf() {
    return {.deployment = *deployment_, .requests = requests_};
  }

  std::vector<Step> Run(const RunSetup& setup,
                        const std::vector<Trial>& trials) {
    auto steps = RunTrials(setup, trials, nullptr, nullptr);
    EXPECT_TRUE(steps.ok()) << steps.status();
    return steps.ok() ? *std::move(steps) : std::vector<Step>(trials.size());
  }

  Step Run(const RunSetup& setup, const Trial& trial) {
    return Run(setup, std::vector<Trial>{trial}).front();
  }

  std::unique_ptr<TimedService> service_;
  // Before the deployment, whose connections may hold on to their bytes.
  std::vector<PreparedRequest> requests_;
  std::unique_ptr<Deployment> deployment_;
};

// Behaves as told, and tells when the n-th call has arrived.
class NthCall {
 public:
  NthCall(int n, milliseconds delay) : n_(n), delay_(delay) {}

  TimedService::Behaviour operator()(int call) {
    if (call == n_) arrived_.set_value();
    return {.delay = delay_};
  }
  void Wait() { arrived_.get_future().wait(); }

 private:
  const int n_;
  const milliseconds delay_;
  std::promise<void> arrived_;
};

TEST_F(LoadRunTest, PercentilesAreThoseOfTheServer) {
  // 200 to 800 ms, all as often. Nothing can be seen earlier than it was; a
  // busy machine may show it later, so each figure has to be right once in
  // three runs.
  constexpr int kRuns = 3;
  std::set<double> late = {10, 25, 50, 75, 90, 99, 99.9};
  for (int run = 0; run < kRuns && !late.empty(); ++run) {
    Start({.script = [](int call) {
      return TimedService::Behaviour{.delay =
                                         milliseconds(200 + call * 7919 % 601)};
    }});
    const Step step = Run(SetupOf(), {.load = {Arrivals::kPoisson, 200, 0},
                                      .duration = Seconds(3)});
    const auto calls = service_->calls();
    EXPECT_EQ(step.offered, static_cast<std::int64_t>(calls.size()));
    ASSERT_EQ(step.Ended(Ending::kAnswered), step.offered);
    for (const double percent : std::set<double>(late)) {
      const double truth = TruePercentile(calls, percent);
      const double from_send = Ms(step.from_send.Percentile(percent));
      const double latency =
          Ms(step.Latency(Ending::kAnswered).Percentile(percent));
      EXPECT_GE(from_send, 0.99 * truth) << "p" << percent;
      EXPECT_GE(latency, 0.99 * truth) << "p" << percent;
      const double most = (1 + 0.01 * kSlowdown) * truth;
      if (from_send <= most && latency <= most) late.erase(percent);
      std::printf("p%g: %.2f ms, shown %.2f and from sending %.2f ms\n",
                  percent, truth, latency, from_send);
    }
  }
  EXPECT_TRUE(late.empty()) << "p" << *late.begin();
}

TEST_F(LoadRunTest, AStallCountsFromTheIntendedStartAndAClosedLoopHidesIt) {
  static constexpr milliseconds kStall(1000);
  const auto stalls = [&](const Load& load) {
    NthCall call(100, milliseconds(1));
    Start({.script = std::ref(call)});
    std::thread stall([&] {
      call.Wait();
      service_->Stall(kStall);
    });
    const Step step = Run(SetupOf(), {.load = load, .duration = Seconds(4)});
    stall.join();
    return step;
  };
  const Step open = stalls({Arrivals::kConstant, 200, 0});
  // A quarter of all requests fell into the stall, and waited for its rest.
  EXPECT_GE(Ms(open.Latency(Ending::kAnswered).Percentile(99.9)),
            0.98 * Ms(kStall));
  EXPECT_GE(Ms(open.Latency(Ending::kAnswered).Percentile(90)),
            0.5 * Ms(kStall));
  // One request at a time meets the stall once, in thousands.
  const Step closed = stalls({Arrivals::kClosed, 0, 1});
  EXPECT_GE(Ms(closed.Latency(Ending::kAnswered).max()), 0.98 * Ms(kStall));
  EXPECT_LT(Ms(closed.Latency(Ending::kAnswered).Percentile(99)),
            0.1 * Ms(kStall));
}

// Everything is answered in the end, but not faster than the server can.
TEST_F(LoadRunTest, ThroughputIsWhatCameNotWhatWasAsked) {
  Start({.script =
             [](int) {
               return TimedService::Behaviour{.delay = milliseconds(10)};
             },
         .capacity = TimedService::Capacity{.servers = 1, .queue = 1000}});
  const Step step = Run(SetupOf(), {.load = {Arrivals::kConstant, 200, 0},
                                    .warm_up = Seconds(0.5),
                                    .duration = Seconds(2)});
  EXPECT_EQ(step.Ended(Ending::kAnswered), 400);
  EXPECT_LE(step.AnsweredRate(), 105);
  EXPECT_GE(step.AnsweredRate(), 50.0 / kSlowdown);
  std::int64_t completed = 0;
  for (const TimelineSecond& second : step.timeline) {
    completed += second.completed;
  }
  EXPECT_EQ(completed, step.completed);
}

TEST_F(LoadRunTest, TheBusiestThreadIsMeasuredToTheEnd) {
  Start({});
  const Step step = Run(SetupOf(), {.load = {Arrivals::kConstant, 2000, 0},
                                    .duration = Seconds(1)});
  // Sending and receiving take about the same; the service is in this process.
  EXPECT_GT(step.busiest_thread, 0.01);
  EXPECT_LE(step.busiest_thread, step.client_cores);
}

TEST_F(LoadRunTest, EveryEndingIsCountedApart) {
  Start({.script = [](int call) {
    TimedService::Behaviour behaviour;
    if (call % 4 == 1) {
      behaviour.status = absl::ResourceExhaustedError("the queue is full");
    } else if (call % 4 == 2) {
      behaviour.status = absl::InternalError("out of luck");
    } else if (call % 4 == 3) {
      behaviour.delay = std::chrono::seconds(30);
    }
    return behaviour;
  }});
  RunSetup setup = SetupOf();
  setup.default_deadline = milliseconds(300);
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 100, 0}, .duration = Seconds(2)});
  EXPECT_EQ(step.offered, 200);
  for (const Ending ending : {Ending::kAnswered, Ending::kRefused,
                              Ending::kFailed, Ending::kExpired}) {
    EXPECT_EQ(step.Ended(ending), 50);
    EXPECT_EQ(step.Latency(ending).count(), 50);
  }
  EXPECT_GE(Ms(step.Latency(Ending::kExpired).min()), 295);
  EXPECT_LT(Ms(step.Latency(Ending::kRefused).Percentile(50)), 100 * kSlowdown);
  EXPECT_EQ(step.messages.at("RESOURCE_EXHAUSTED: the queue is full"), 50);
  EXPECT_EQ(step.messages.at("INTERNAL: out of luck"), 50);
  EXPECT_EQ(step.timeline.size(), 2);
  EXPECT_EQ(step.timeline[0].offered + step.timeline[1].offered, 200);
}

TEST_F(LoadRunTest, AWarmUpIsNotCounted) {
  Start({});
  const Step step = Run(SetupOf(), {.load = {Arrivals::kConstant, 100, 0},
                                    .warm_up = Seconds(0.5),
                                    .duration = Seconds(1)});
  EXPECT_EQ(step.offered, 100);
  EXPECT_EQ(step.Ended(Ending::kAnswered), 100);
  EXPECT_EQ(service_->call_count(), 150);
}

TEST_F(LoadRunTest, WhatExceedsMaxInFlightIsDroppedAndSaid) {
  Start({.script = [](int) {
    return TimedService::Behaviour{.delay = milliseconds(500)};
  }});
  RunSetup setup = SetupOf();
  setup.max_in_flight = 10;
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 100, 0}, .duration = Seconds(1)});
  EXPECT_EQ(step.offered, 100);
  EXPECT_GT(step.dropped, 50);
  EXPECT_EQ(step.dropped + step.Ended(Ending::kAnswered), 100);
  ASSERT_FALSE(step.invalid.empty());
}

// Far more than any client sends: what is left half a second after the trial is
// counted, and the next one is soon on time.
TEST_F(LoadRunTest, AClientThatIsBehindDoesNotGoOnForever) {
  Start({});
  RunSetup setup = SetupOf();
  setup.max_in_flight = 10'000'000;
  const Trial flood{.load = {Arrivals::kConstant, 2e6, 0},
                    .duration = Seconds(0.5)};
  const Trial calm{.load = {Arrivals::kConstant, 20, 0},
                   .duration = Seconds(3)};
  const auto steps = Run(setup, {flood, calm});
  EXPECT_EQ(steps[0].offered, 1'000'000);
  EXPECT_GT(steps[0].too_late, 0);
  EXPECT_EQ(steps[0].dropped, steps[0].too_late);
  EXPECT_TRUE(IsInvalidFor(InvalidReason::Kind::kTooSlow, steps[0]));
  EXPECT_FALSE(IsInvalidFor(InvalidReason::Kind::kInFlight, steps[0]));
  EXPECT_EQ(steps[1].offered, 60);
  EXPECT_EQ(steps[1].dropped, 0);
}

TEST_F(LoadRunTest, AClosedLoopKeepsItsConcurrency) {
  Start({.script = [](int) {
    return TimedService::Behaviour{.delay = milliseconds(50)};
  }});
  RunSetup setup = SetupOf();
  setup.lanes = 2;
  const Step step =
      Run(setup, {.load = {Arrivals::kClosed, 0, 5}, .duration = Seconds(2)});
  // Five at a time, 50 ms each: 100 a second, and a little less for the way.
  EXPECT_LE(step.Ended(Ending::kAnswered), 205);
  EXPECT_GE(step.Ended(Ending::kAnswered), 150 / kSlowdown);
}

// Requests of the overload are still under way when the next trial begins.
TEST_F(LoadRunTest, TrialsFollowEachOtherWithoutAPause) {
  Start({.script =
             [](int) {
               return TimedService::Behaviour{.delay = milliseconds(10)};
             },
         .capacity = TimedService::Capacity{.servers = 1, .queue = 50}});
  const Trial overload{.load = {Arrivals::kConstant, 300, 0},
                       .duration = Seconds(1)};
  const Trial window{.load = {Arrivals::kConstant, 50, 0},
                     .duration = Seconds(0.5)};
  const auto steps = Run(SetupOf(), {overload, window, window, window});
  ASSERT_EQ(steps.size(), 4);
  EXPECT_EQ(steps[0].offered, 300);
  EXPECT_GT(steps[0].Ended(Ending::kRefused), 100);
  // A full queue is 500 ms deep; half of the capacity is left to empty it.
  EXPECT_GE(Ms(steps[1].Latency(Ending::kAnswered).Percentile(50)), 100);
  EXPECT_LT(Ms(steps[3].Latency(Ending::kAnswered).Percentile(50)),
            100 * kSlowdown);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(steps[i].offered, 25);
}

TEST_F(LoadRunTest, StreamsGiveTheSameFigures) {
  Start({.script = [](int call) {
    TimedService::Behaviour behaviour{.delay = milliseconds(20)};
    if (call % 5 == 4) {
      behaviour.status = absl::ResourceExhaustedError("the queue is full");
    }
    return behaviour;
  }});
  RunSetup setup = SetupOf();
  setup.streams = 3;
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 200, 0}, .duration = Seconds(2)});
  EXPECT_EQ(step.offered, 400);
  EXPECT_EQ(step.Ended(Ending::kAnswered), 320);
  EXPECT_EQ(step.Ended(Ending::kRefused), 80);
  EXPECT_GE(Ms(step.from_send.Percentile(50)), 19.9);
  EXPECT_LE(Ms(step.from_send.Percentile(50)), 40 * kSlowdown);
}

TEST_F(LoadRunTest, AStreamThatIsNeverAnsweredExpires) {
  Start({.script = [](int) {
    return TimedService::Behaviour{.delay = std::chrono::seconds(60)};
  }});
  RunSetup setup = SetupOf();
  setup.streams = 1;
  setup.default_deadline = milliseconds(200);
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 20, 0}, .duration = Seconds(0.5)});
  EXPECT_EQ(step.Ended(Ending::kExpired), 10);
}

TEST_F(LoadRunTest, ARequestOnAStreamHasTheTimeThatItsWorkloadGives) {
  Start({.script = [](int) {
    return TimedService::Behaviour{.delay = milliseconds(600)};
  }});
  for (PreparedRequest& request : requests_) {
    request.deadline = std::chrono::seconds(20);
  }
  RunSetup setup = SetupOf();
  setup.streams = 1;
  setup.default_deadline = milliseconds(100);
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 20, 0}, .duration = Seconds(0.5)});
  EXPECT_EQ(step.Ended(Ending::kAnswered), 10);
}

TEST_F(LoadRunTest, LanesWaitTogetherForStreamsThatAreNeverAnswered) {
  Start({.script = [](int) {
    return TimedService::Behaviour{.delay = std::chrono::seconds(60)};
  }});
  RunSetup setup = SetupOf();
  setup.streams = 1;
  setup.lanes = 3;
  setup.default_deadline = std::chrono::seconds(2);
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 30, 0}, .duration = Seconds(0.5)});
  EXPECT_EQ(step.Ended(Ending::kExpired), 15);
  // A second one would begin when the first deadline is over.
  EXPECT_LT(Ms(step.Latency(Ending::kExpired).max()), 2 * 2000);
}

TEST_F(LoadRunTest, AnAnswerThatComesTooLateOnAStreamHasExpired) {
  Start({.script = [](int call) {
    return TimedService::Behaviour{.delay =
                                       milliseconds(call % 2 == 0 ? 1 : 400)};
  }});
  RunSetup setup = SetupOf();
  setup.streams = 1;
  setup.default_deadline = milliseconds(200);
  const Step step = Run(
      setup, {.load = {Arrivals::kConstant, 20, 0}, .duration = Seconds(1)});
  EXPECT_EQ(step.Ended(Ending::kAnswered), 10);
  EXPECT_EQ(step.Ended(Ending::kExpired), 10);
}

TEST_F(LoadRunTest, AServerThatGoesAwayFailsWhatItHad) {
  for (const int streams : {0, 2}) {
    NthCall call(50, milliseconds(20));
    Start({.script = std::ref(call)});
    std::thread end([&] {
      call.Wait();
      service_.reset();
    });
    RunSetup setup = SetupOf();
    setup.streams = streams;
    const Step step = Run(setup, {.load = {Arrivals::kConstant, 100, 0},
                                  .duration = Seconds(1.5)});
    end.join();
    EXPECT_EQ(step.offered, 150);
    EXPECT_GT(step.Ended(Ending::kAnswered), 20);
    EXPECT_GT(step.Ended(Ending::kFailed), 50);
    EXPECT_EQ(step.Ended(Ending::kAnswered) + step.Ended(Ending::kFailed), 150);
  }
}

TEST_F(LoadRunTest, TargetsAreUsedInTurn) {
  for (const int streams : {0, 4}) {
    TimedService first({});
    TimedService second({});
    Connect({.targets = {first.address(), second.address()}, .connections = 2});
    RunSetup setup = SetupOf();
    setup.streams = streams;
    const Step step = Run(
        setup, {.load = {Arrivals::kConstant, 100, 0}, .duration = Seconds(1)});
    EXPECT_EQ(step.Ended(Ending::kAnswered), 100);
    EXPECT_EQ(first.call_count(), 50);
    EXPECT_EQ(second.call_count(), 50);
  }
}

// The second target serves again when the first has had 150 calls, which takes
// 1.5 s while it gets all.
TEST_F(LoadRunTest, ATargetThatStopsServingIsLeftOutUntilItIsBack) {
  for (const int streams : {0, 4}) {
    NthCall call(150, milliseconds(0));
    TimedService first({.script = std::ref(call)});
    TimedService second({});
    Connect({.targets = {first.address(), second.address()}, .connections = 2});
    second.SetServing(false);
    std::thread back([&] {
      call.Wait();
      second.SetServing(true);
    });
    RunSetup setup = SetupOf();
    setup.streams = streams;
    // The warm-up has those that are sent before it is noticed.
    const Step step = Run(setup, {.load = {Arrivals::kConstant, 100, 0},
                                  .warm_up = Seconds(1),
                                  .duration = Seconds(3)});
    back.join();
    EXPECT_EQ(step.Ended(Ending::kAnswered), 300);
    // Half of the other 250, but for what it takes to be noticed.
    EXPECT_LT(second.call_count(), 175);
    EXPECT_GT(second.call_count(), 75);
  }
}

TEST_F(LoadRunTest, AServerThatDoesNotServeCannotBeReached) {
  TimedService service({});
  service.SetServing(false);
  const auto deployment =
      Deployment::Connect({.targets = {service.address()}}, milliseconds(300));
  ASSERT_EQ(deployment.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(deployment.status().message(),
            "target " + service.address() +
                " cannot be reached, or is not serving, within 300 ms; start "
                "it, name another with --target, or see --tls");
}

TEST_F(LoadRunTest, TokensAreSent) {
  service_ =
      std::make_unique<TimedService>(TimedService::Options{.token = "secret"});
  Connect({.targets = {service_->address()}, .token = "secret"});
  for (const int streams : {0, 1}) {
    RunSetup setup = SetupOf();
    setup.streams = streams;
    const Step step = Run(setup, {.load = {Arrivals::kConstant, 20, 0},
                                  .duration = Seconds(0.5)});
    EXPECT_EQ(step.Ended(Ending::kAnswered), 10);
  }
}

TEST_F(LoadRunTest, NothingToSendIsRefused) {
  Start({});
  const auto status_of = [&](const Trial& trial) {
    return std::string(
        RunTrials(SetupOf(), {trial}, nullptr, nullptr).status().message());
  };
  EXPECT_EQ(
      status_of({.load = {Arrivals::kClosed, 0, 0}, .duration = Seconds(1)}),
      "concurrency is below 1");
  EXPECT_EQ(
      status_of({.load = {Arrivals::kPoisson, 0, 0}, .duration = Seconds(1)}),
      "the rate is not above 0");
  for (const double duration : {0.0, std::nan(""), HUGE_VAL}) {
    EXPECT_EQ(status_of({.load = {Arrivals::kPoisson, 1, 0},
                         .duration = Seconds(duration)}),
              "the duration is not above 0 and finite");
  }
}

}  // namespace
}  // namespace attention::load
