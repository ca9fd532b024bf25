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

// More threads are of use only while there are CPUs for them.
const char* Remedy(const ClientMeans& means) {
  return means.threads < means.cpus
             ? "use more --threads, less load or another machine"
             : "use less load or another machine";
}

void CheckSendLag(const Step& step, const ClientMeans& means,
                  std::vector<InvalidReason>& reasons) {
  const Seconds lag = step.send_lag.Percentile(99);
  const Seconds latency = step.Latency(Ending::kAnswered).Percentile(99);
  const Seconds limit = std::max(kLagShare * latency, kLag);
  if (step.load.arrivals != Arrivals::kClosed && lag > limit) {
    reasons.push_back({absl::StrFormat(
        "the client sent requests late, p99 %s after their time where %s are "
        "allowed (10 %% of the latency's p99, at least 1 ms): %s",
        DurationText(lag), DurationText(limit), Remedy(means))});
  }
}

void CheckProcessors(const Step& step, const ClientMeans& means,
                     std::vector<InvalidReason>& reasons) {
  const double limit = kBusy * std::min<double>(means.threads, means.cpus);
  if (step.busiest_thread > kBusy) {
    // Threads are rarely equally busy: one that is full delays its requests
    // however idle the others are.
    reasons.push_back({absl::StrFormat(
        "the client was short of CPU time, its busiest thread used %.2f of a "
        "core where %.2f is allowed: %s",
        step.busiest_thread, kBusy, Remedy(means))});
  } else if (step.client_cores > limit) {
    reasons.push_back({absl::StrFormat(
        "the client was short of CPU time, its %d threads used %.2f cores "
        "where %.2f are allowed: %s",
        means.threads, step.client_cores, limit, Remedy(means))});
  }
}

void CheckTooLate(const Step& step, const ClientMeans& means,
                  std::vector<InvalidReason>& reasons) {
  if (step.too_late == 0) return;
  reasons.push_back({absl::StrFormat(
      "%d of %d requests were never sent because the client was still behind "
      "when the step was over: %s",
      step.too_late, step.offered, Remedy(means))});
}

InvalidReason WhyDropped(const Step& step, const ClientMeans& means) {
  return {absl::StrFormat(
              "%d of %d requests were never sent because %d others were under "
              "way, as many as %s: use %s or a lower rate",
              step.dropped - step.too_late, step.offered, means.max_in_flight,
              means.is_limited_by_streams ? "the server reads of the streams"
                                          : "--max-in-flight allows",
              means.is_limited_by_streams ? "more --streams"
                                          : "a larger --max-in-flight"),
          InvalidReason::Kind::kInFlight};
}

}  // namespace

std::vector<InvalidReason> WhyInvalid(const Step& step,
                                      const ClientMeans& means) {
  std::vector<InvalidReason> reasons;
  if (step.offered == 0) {
    reasons.push_back(
        {absl::StrFormat("no request was meant to start in %s, at least 1 is "
                         "needed: use a longer --duration or a higher rate",
                         DurationText(step.duration)),
         InvalidReason::Kind::kNoRequests});
  }
  CheckSendLag(step, means, reasons);
  CheckProcessors(step, means, reasons);
  CheckTooLate(step, means, reasons);
  if (step.dropped > step.too_late) reasons.push_back(WhyDropped(step, means));
  return reasons;
}

bool IsInvalidFor(InvalidReason::Kind kind, const Step& step) {
  return std::any_of(
      step.invalid.begin(), step.invalid.end(),
      [&](const InvalidReason& reason) { return reason.kind == kind; });
}

}  // namespace attention::load
