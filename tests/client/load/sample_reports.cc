// Reports with figures that are known beforehand.
#include "tests/client/load/sample_reports.h"

#include <algorithm>
#include <cmath>

namespace attention::load {
namespace {

Histogram::Duration Milliseconds(double milliseconds) {
  return Histogram::Duration(std::llround(milliseconds * 1e6));
}

// Where a percentile is on an axis that shows the tail.
double Tail(double percent) { return -std::log(1 - percent / 100 + 1e-9); }

// The percentiles of latency when half of it is `p50` and a tail follows.
Histogram Latency(std::int64_t count, double p50, double p99) {
  return Spread(count, {{0, 0.5 * p50},
                        {50, p50},
                        {90, std::pow(p50, 0.6) * std::pow(p99, 0.4)},
                        {99, p99},
                        {99.9, 1.7 * p99},
                        {100, 2.6 * p99}});
}

std::vector<TimelineSecond> Timeline(const Step& step) {
  const int seconds = static_cast<int>(step.duration.count());
  std::vector<TimelineSecond> timeline;
  for (int i = 0; i < seconds; ++i) {
    // A little up and down, as real arrivals have it.
    const double wave = 1 + 0.03 * std::sin(2.1 * i);
    TimelineSecond second;
    second.offered = std::llround(step.OfferedRate() * wave);
    for (int ending = 0; ending < kEndings; ++ending) {
      second.ended[ending] = std::llround(
          static_cast<double>(step.ended[ending]) / seconds * wave);
    }
    second.completed = second.ended[0];
    const Histogram& answered = step.Latency(Ending::kAnswered);
    second.p50 = Histogram::Duration(std::llround(
        static_cast<double>(answered.Percentile(50).count()) * wave));
    second.p99 = Histogram::Duration(
        std::llround(static_cast<double>(answered.Percentile(99).count()) *
                     (i == seconds / 2 ? 3 : wave)));
    timeline.push_back(second);
  }
  return timeline;
}

// A step of `rate` on a deployment that answers 2,900/s.
Step StepAt(double rate) {
  const double load = rate / 3000;
  Step step;
  step.load = {.arrivals = Arrivals::kPoisson, .rate = rate};
  step.duration = Seconds(10);
  step.offered = std::llround(rate * 10);
  step.ended[0] = std::min<std::int64_t>(step.offered, 29'000);
  step.ended[1] = step.offered - step.ended[0];
  step.completed = step.ended[0];
  const bool is_over = step.ended[1] > 0;
  const double p50 = is_over ? 38 : 2 + 3 * load / (1.12 - load);
  const double p99 = is_over ? 70 + 4 * load : 2.15 * p50;
  step.latency[0] = Latency(step.ended[0], p50, p99);
  step.latency[1] = Latency(step.ended[1], 0.3, 1.1 * std::max(load, 1.0));
  step.from_send = Latency(step.ended[0], p50 * 0.98, p99 * 0.7);
  step.send_lag = Latency(step.offered, 0.02, 0.09);
  step.server_queue = Latency(step.ended[0], p50 * 0.5, p99 * 0.6);
  step.server_compute = Latency(step.ended[0], 1.4, 2.1);
  step.tokens_answered = 16 * step.ended[0];
  step.bytes_sent = 25'000 * step.completed;
  step.bytes_received = 24'600 * step.ended[0];
  step.verified = step.ended[0] / 100;
  step.client_cores = 0.2 + rate / 25'000;
  step.busiest_thread = step.client_cores / 2;
  step.timeline = Timeline(step);
  if (is_over) {
    step.messages = {
        {"RESOURCE_EXHAUSTED: queue is full: 256 requests wait, 256 are "
         "allowed",
         step.ended[1]}};
  }
  return step;
}

Report Described() {
  Report report;
  report.started = "2026-03-01T12:00:00Z";
  report.workload = "sentences: minilm/0, one of 64 sentences a request, f32";
  report.protocol = "typed";
  report.environment = {
      {"server", "attention-server 0.1.0 at 127.0.0.1:8001"},
      {"CPU", "AMD EPYC 9R14, 2 cores, AVX512_BF16"},
      {"client", "attention-load 0.1.0, 2 threads, 4 connections"}};
  return report;
}

ObjectiveResult Result(Objective::Kind kind, double percent, double limit,
                       double value) {
  return {.objective = {.kind = kind, .percent = percent, .limit = limit},
          .value = value,
          .held = value <= limit};
}

}  // namespace

Histogram Spread(std::int64_t count,
                 const std::vector<std::pair<double, double>>& milliseconds) {
  Histogram histogram;
  for (std::int64_t rank = 1; rank <= count; ++rank) {
    const double percent =
        100 * static_cast<double>(rank) / static_cast<double>(count);
    const auto above = std::find_if(
        milliseconds.begin() + 1, milliseconds.end() - 1,
        [&](const auto& knot) { return percent <= knot.first + 1e-9; });
    const auto below = above - 1;
    const double part =
        std::min(1.0, (Tail(percent) - Tail(below->first)) /
                          (Tail(above->first) - Tail(below->first)));
    histogram.Record(Milliseconds(
        below->second * std::pow(above->second / below->second, part)));
  }
  return histogram;
}

Report StepReport() {
  Report report = Described();
  report.command = "attention-load run --rate 1002 --duration 10";
  Step step;
  step.load = {.arrivals = Arrivals::kPoisson, .rate = 1002};
  step.duration = Seconds(10);
  step.offered = 10'020;
  step.dropped = 4;
  step.ended[0] = 10'000;
  step.completed = 10'000;
  step.ended[1] = 12;
  step.ended[2] = 3;
  step.ended[3] = 1;
  step.latency[0] = Spread(
      10'000,
      {{0, 2}, {50, 4}, {90, 6}, {95, 8}, {99, 20}, {99.9, 80}, {100, 250}});
  step.latency[1] = Spread(12, {{0, 0.2}, {100, 0.4}});
  step.latency[2] = Spread(3, {{0, 1000}, {100, 1000}});
  step.latency[3] = Spread(1, {{0, 5}, {100, 5}});
  step.from_send = Spread(10'000, {{0, 1.9}, {50, 3.8}, {99, 12}, {100, 40}});
  step.send_lag = Spread(10'016, {{0, 0.01}, {50, 0.02}, {99, 0.1}, {100, 2}});
  step.server_queue = Spread(10'000, {{0, 0.5}, {50, 1}, {99, 5}, {100, 20}});
  step.server_compute = Spread(10'000, {{0, 1}, {50, 1.5}, {99, 2}, {100, 3}});
  step.tokens_answered = 159'000;
  step.bytes_sent = 15'000'000;
  step.bytes_received = 12'000'000;
  step.verified = 50;
  step.client_cores = 0.35;
  step.busiest_thread = 0.2;
  step.timeline = Timeline(step);
  step.messages = {
      {"RESOURCE_EXHAUSTED: queue is full: 256 requests wait, 256 are allowed",
       12},
      {"DEADLINE_EXCEEDED: Deadline Exceeded", 3},
      {"UNAVAILABLE: Socket closed", 1}};
  report.step = std::move(step);
  report.objectives = {
      Result(Objective::Kind::kLatency, 99, 50, 20),
      Result(Objective::Kind::kErrors, 0, 0.1, 100 * 20 / 10'020.0)};
  return report;
}

Report SweepReport() {
  Report report = Described();
  report.command = "attention-load sweep --slo p99=50ms,errors=0.1%";
  Sweep sweep;
  for (const double rate : {250, 500, 1000, 2000, 4000, 2828, 3364}) {
    sweep.steps.push_back(StepAt(rate));
  }
  sweep.knee = 5;
  sweep.overloads = {{.factor = 1.5,
                      .step = StepAt(1.5 * 2828),
                      .goodput = 2500,
                      .recovery = Seconds(0.75),
                      .windows = {.count = 40,
                                  .invalid = 1,
                                  .verified = 7,
                                  .messages = {{"UNAVAILABLE: gone", 2}}}},
                     {.factor = 2,
                      .step = StepAt(2 * 2828),
                      .goodput = 2400,
                      .recovery = Seconds(1.25)},
                     {.factor = 4, .step = StepAt(4 * 2828), .goodput = 2300}};
  report.sweep = std::move(sweep);
  report.objectives = {Result(Objective::Kind::kLatency, 99, 50, 38.5),
                       Result(Objective::Kind::kErrors, 0, 0.1, 0)};
  return report;
}

Report ComparisonReport() {
  Report report = Described();
  report.command = "attention-load compare old:8001 new:8001 --rate 1000";
  Comparison comparison;
  comparison.a = "old:8001";
  comparison.b = "new:8001";
  for (const double rate : {1000, 1001, 1002}) {
    comparison.steps_a.push_back(StepAt(rate));
    comparison.steps_b.push_back(StepAt(rate * 0.8));
  }
  comparison.ratios = {{"answered/s", 1.02, 0.97, 1.07},
                       {"p50", 0.8, 0.75, 0.85},
                       {"p99", 1.3, 1.2, 1.4}};
  report.comparison = std::move(comparison);
  return report;
}

}  // namespace attention::load
