// The tables of reports, as text and as HTML show them.
#include "client/load/report_tables.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"

namespace attention::load {
namespace {

double PerSecond(const Step& step, std::int64_t amount) {
  return static_cast<double>(amount) / step.duration.count();
}

// Answers a second, what was not answered, and how long answers took.
std::vector<std::string> AnswerCells(const Step& step) {
  const Histogram& answered = step.Latency(Ending::kAnswered);
  return {RateText(step.AnsweredRate()), PercentText(step.ErrorPercent() / 100),
          PercentileText(answered, 50), PercentileText(answered, 99),
          PercentileText(answered, 99.9)};
}

void Append(const std::vector<std::string>& cells,
            std::vector<std::string>& row) {
  row.insert(row.end(), cells.begin(), cells.end());
}

}  // namespace

ReportTable EndingTable(const Step& step) {
  ReportTable table = {
      .caption = "How requests ended",
      .head = {"", "requests", "rate", "of offered", "p50", "p99"}};
  const auto add = [&](const char* name, std::int64_t count, double rate) {
    const auto offered = static_cast<double>(step.offered);
    const auto part = static_cast<double>(count);
    table.rows.push_back({name, CountText(count), RateText(rate),
                          PercentText(step.offered == 0 ? 0 : part / offered),
                          "", ""});
  };
  const auto add_ending = [&](const char* name, Ending ending, double rate) {
    add(name, step.Ended(ending), rate);
    table.rows.back()[4] = PercentileText(step.Latency(ending), 50);
    table.rows.back()[5] = PercentileText(step.Latency(ending), 99);
  };
  add("offered", step.offered, step.OfferedRate());
  add_ending("answered", Ending::kAnswered, step.AnsweredRate());
  for (const auto& [name, ending] : {std::pair("refused", Ending::kRefused),
                                     std::pair("expired", Ending::kExpired),
                                     std::pair("failed", Ending::kFailed)}) {
    add_ending(name, ending, PerSecond(step, step.Ended(ending)));
  }
  add("dropped", step.dropped, PerSecond(step, step.dropped));
  return table;
}

ReportTable ThroughputTable(const Step& step) {
  const auto bytes = [&](std::int64_t amount) {
    return absl::StrCat(BytesText(PerSecond(step, amount)), "/s");
  };
  return {
      .caption = "Throughput and client",
      .rows = {
          {"requests answered", RateText(step.AnsweredRate())},
          {"tokens answered", RateText(PerSecond(step, step.tokens_answered))},
          {"sent", bytes(step.bytes_sent)},
          {"received", bytes(step.bytes_received)},
          {"client CPU", absl::StrFormat("%.2f cores", step.client_cores)},
          {"send lag p99", PercentileText(step.send_lag, 99)}}};
}

ReportTable LoadTable(const Sweep& sweep) {
  ReportTable table = {.caption = "All loads that were tried",
                       .head = {"load", "offered", "answered", "errors", "p50",
                                "p99", "p99.9", ""}};
  for (const int i : StepsByRate(sweep)) {
    const Step& step = sweep.steps[static_cast<std::size_t>(i)];
    const bool is_knee = i == sweep.knee;
    if (is_knee) {
      table.marked_row = static_cast<int>(table.rows.size());
    }
    std::vector<std::string> row = {ShortLoadText(step.load),
                                    RateText(step.OfferedRate())};
    Append(AnswerCells(step), row);
    row.push_back(is_knee ? "knee" : "");
    table.rows.push_back(std::move(row));
  }
  return table;
}

ReportTable OverloadTable(const std::vector<Overload>& overloads) {
  ReportTable table = {.caption = "Past the knee",
                       .head = {"load", "offered", "goodput", "refused",
                                "refusal p50", "refusal p99", "recovery"}};
  for (const Overload& overload : overloads) {
    const Step& step = overload.step;
    const Histogram& refused = step.Latency(Ending::kRefused);
    table.rows.push_back(
        {absl::StrCat(NumberText(overload.factor), " x"),
         RateText(step.OfferedRate()), RateText(overload.goodput),
         RateText(PerSecond(step, step.Ended(Ending::kRefused))),
         PercentileText(refused, 50), PercentileText(refused, 99),
         RecoveryText(overload)});
  }
  return table;
}

ReportTable TurnTable(const Comparison& comparison) {
  ReportTable table = {
      .caption = "Turn by turn",
      .head = {"target", "load", "answered", "errors", "p50", "p99", "p99.9"}};
  const auto add = [&](const char* target, const std::vector<Step>& steps,
                       std::size_t turn) {
    if (turn < steps.size()) {
      std::vector<std::string> row = {absl::StrCat(target, ", turn ", turn + 1),
                                      ShortLoadText(steps[turn].load)};
      Append(AnswerCells(steps[turn]), row);
      table.rows.push_back(std::move(row));
    }
  };
  const std::size_t rounds =
      std::max(comparison.steps_a.size(), comparison.steps_b.size());
  for (std::size_t turn = 0; turn < rounds; ++turn) {
    add("A", comparison.steps_a, turn);
    add("B", comparison.steps_b, turn);
  }
  return table;
}

ReportTable RatioTable(const Comparison& comparison) {
  ReportTable table = {.caption = "What the ratios show",
                       .head = {"B / A", "ratio", "95 % interval"}};
  for (const Ratio& ratio : comparison.ratios) {
    table.rows.push_back(
        {ratio.name, RatioText(ratio.mean), IntervalText(ratio)});
  }
  return table;
}

}  // namespace attention::load
