// A report as CSV.
#include "client/load/csv_report.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"

namespace attention::load {
namespace {

// perf_analyzer's columns after the first, as scripts look for them.
constexpr char kColumns[] =
    "Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,"
    "Client Recv,p50 latency,p90 latency,p95 latency,p99 latency";

double Microseconds(Histogram::Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

// Zero when nothing was measured, so that rows can be sorted.
double RateOf(const Step& step) {
  return step.duration.count() > 0 ? step.AnsweredRate() : 0;
}

std::string Row(const Step& step) {
  const Histogram& answered = step.Latency(Ending::kAnswered);
  const double from_send = Microseconds(step.from_send.mean());
  const double queue = Microseconds(step.server_queue.mean());
  const double compute = Microseconds(step.server_compute.mean());
  std::string row = step.load.arrivals == Arrivals::kClosed
                        ? absl::StrCat(step.load.concurrency)
                        : absl::StrFormat("%.10g", step.load.rate);
  absl::StrAppendFormat(&row, ",%.2f", RateOf(step));
  // Send, network, queue, input, compute, output, receive. Their sum is the
  // mean latency. What cannot be told apart is in the network.
  for (const double part :
       {Microseconds(answered.mean()) - from_send, from_send - queue - compute,
        queue, 0.0, compute, 0.0, 0.0}) {
    absl::StrAppendFormat(&row, ",%.0f", std::max(0.0, part));
  }
  for (const double percent : {50, 90, 95, 99}) {
    absl::StrAppendFormat(&row, ",%.0f",
                          Microseconds(answered.Percentile(percent)));
  }
  return absl::StrCat(row, "\n");
}

std::string Rows(std::vector<const Step*> steps) {
  const auto key = [](const Step* step) {
    return std::tuple(RateOf(*step), step->load.rate, step->load.concurrency);
  };
  std::sort(steps.begin(), steps.end(),
            [&](const Step* x, const Step* y) { return key(x) < key(y); });
  std::string rows;
  for (const Step* step : steps) {
    absl::StrAppend(&rows, Row(*step));
  }
  return rows;
}

}  // namespace

std::string CsvReport(const Report& report) {
  std::vector<const Step*> steps;
  for (const NamedStep& named : StepsOf(report)) {
    steps.push_back(named.step);
  }
  const bool is_closed =
      !steps.empty() && steps.front()->load.arrivals == Arrivals::kClosed;
  std::string csv = absl::StrCat(is_closed ? "Concurrency," : "Request Rate,",
                                 kColumns, "\n");
  if (!report.comparison.has_value()) {
    return absl::StrCat(csv, Rows(std::move(steps)));
  }
  // There is no column to name the target, so those of A come first.
  const auto first_of_b =
      steps.begin() +
      static_cast<std::ptrdiff_t>(report.comparison->steps_a.size());
  return absl::StrCat(csv, Rows({steps.begin(), first_of_b}),
                      Rows({first_of_b, steps.end()}));
}

}  // namespace attention::load
