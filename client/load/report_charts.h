// The charts that reports are shown with.
#ifndef CLIENT_LOAD_REPORT_CHARTS_H_
#define CLIENT_LOAD_REPORT_CHARTS_H_

#include <optional>
#include <string>
#include <vector>

#include "client/load/chart_svg.h"
#include "client/load/report.h"

namespace attention::load {

struct NamedHistogram {
  std::string name{};
  const Histogram* histogram = nullptr;
};

// Latency by percentile, a line for each of at most three histograms; those
// without a value are left out. `limit` is marked.
Chart PercentileChart(const std::string& title,
                      const std::vector<NamedHistogram>& histograms,
                      std::optional<Histogram::Duration> limit);

// Answered and, with a `limit`, goodput against the offered load.
Chart ThroughputChart(const Sweep& sweep,
                      std::optional<Histogram::Duration> limit);

// p50 and p99 of the answered and p99 of the refused against the offered load.
Chart LoadLatencyChart(const Sweep& sweep,
                       std::optional<Histogram::Duration> limit);

// Second by second: what was offered, the answers that came, and how the others
// ended.
Chart TimelineChart(const Step& step);

// Second by second: p50 and p99 of the answered.
Chart TimelineLatencyChart(const Step& step,
                           std::optional<Histogram::Duration> limit);

}  // namespace attention::load

#endif  // CLIENT_LOAD_REPORT_CHARTS_H_
