// Whether a step measured the server, or the client itself.
#include "client/load/validity.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

// A part of the answered latency so small that it changes no conclusion, and a
// delay that any scheduler may cause.
constexpr double kLagShare = 0.1;
constexpr Seconds kLag = std::chrono::milliseconds(1);
// Of a core. What is left is noise of the clock; near 1 requests queue up in
// the client.
constexpr double kBusy = 0.9;

void CheckSendLag(const Step& step, std::vector<std::string>& reasons) {
  const Seconds lag = step.send_lag.Percentile(99);
  const Seconds latency = step.Latency(Ending::kAnswered).Percentile(99);
  const Seconds limit = std::max(kLagShare * latency, kLag);
  if (step.load.arrivals != Arrivals::kClosed && lag > limit) {
    reasons.push_back(absl::StrFormat(
        "the client sent requests late, p99 %s after their time where %s are "
        "allowed (10 %% of the latency's p99, at least 1 ms): use more "
        "--threads, less load or another machine",
        DurationText(lag), DurationText(limit)));
  }
}

void CheckProcessors(const Step& step, int threads,
                     std::vector<std::string>& reasons) {
  const double limit = kBusy * threads;
  if (step.busiest_thread > kBusy) {
    // Threads are rarely equally busy: one that is full delays its requests
    // however idle the others are.
    reasons.push_back(absl::StrFormat(
        "the client was short of CPU time, its busiest thread used %.2f of a "
        "core where %.2f is allowed: use more --threads, less load or "
        "another machine",
        step.busiest_thread, kBusy));
  } else if (step.client_cores > limit) {
    reasons.push_back(absl::StrFormat(
        "the client was short of CPU time, its %d threads used %.2f cores "
        "where %.2f are allowed: use more --threads, less load or another "
        "machine",
        threads, step.client_cores, limit));
  }
}

std::string WhyDropped(const Step& step) {
  return absl::StrFormat(
      "%d of %d requests were never sent because --max-in-flight others were "
      "under way, 0 are allowed: use a larger --max-in-flight or a lower rate",
      step.dropped, step.offered);
}

}  // namespace

std::vector<std::string> WhyInvalid(const Step& step, int threads) {
  std::vector<std::string> reasons;
  if (step.offered == 0) {
    reasons.push_back(absl::StrFormat(
        "no request was meant to start in %s, at least 1 is needed: use a "
        "longer --duration or a higher rate",
        DurationText(step.duration)));
  }
  CheckSendLag(step, reasons);
  CheckProcessors(step, threads, reasons);
  if (step.dropped > 0) {
    reasons.push_back(WhyDropped(step));
  }
  return reasons;
}

bool IsClientLimited(const Step& step) {
  const std::string dropped = WhyDropped(step);
  return step.offered > 0 &&
         std::any_of(
             step.invalid.begin(), step.invalid.end(),
             [&](const std::string& reason) { return reason != dropped; });
}

}  // namespace attention::load
