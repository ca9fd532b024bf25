// A report for the terminal.
#include "client/load/text_report.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"
#include "client/load/report_tables.h"
#include "client/load/text_table.h"

namespace attention::load {
namespace {

using Row = std::vector<std::string>;

constexpr double kPercentiles[] = {50, 90, 95, 99, 99.9, 100};

std::string ToText(const ReportTable& table) {
  std::vector<Row> rows = table.rows;
  if (!table.head.empty()) {
    rows.insert(rows.begin(), table.head);
  }
  return absl::StrCat("\n", table.caption, "\n", TextTable(rows));
}

Row LatencyRow(const std::string& name, const Histogram& histogram) {
  Row row = {name};
  for (const double percent : kPercentiles) {
    row.push_back(PercentileText(histogram, percent));
  }
  return row;
}

ReportTable LatencyTable(const Step& step) {
  ReportTable table = {
      .caption = "Latency",
      .head = {"", "p50", "p90", "p95", "p99", "p99.9", "max"},
      .rows = {LatencyRow("answered", step.Latency(Ending::kAnswered)),
               LatencyRow("from sending", step.from_send)}};
  const auto add_if_any = [&](const char* name, const Histogram& histogram) {
    if (histogram.count() > 0) {
      table.rows.push_back(LatencyRow(name, histogram));
    }
  };
  add_if_any("refused", step.Latency(Ending::kRefused));
  add_if_any("expired", step.Latency(Ending::kExpired));
  add_if_any("failed", step.Latency(Ending::kFailed));
  add_if_any("server queue", step.server_queue);
  add_if_any("server compute", step.server_compute);
  add_if_any("send lag", step.send_lag);
  return table;
}

std::string StepText(const Step& step) {
  return absl::StrCat(ToText(EndingTable(step)), ToText(LatencyTable(step)),
                      ToText(ThroughputTable(step)));
}

std::string SweepText(const Sweep& sweep, const Step* knee) {
  std::string text = ToText(LoadTable(sweep));
  if (!sweep.overloads.empty()) {
    absl::StrAppend(&text, ToText(OverloadTable(sweep.overloads)));
  }
  if (!sweep.skipped_overloads.empty()) {
    absl::StrAppend(&text, "\n",
                    TextParagraph("Not tried", SkippedText(sweep)));
  }
  if (knee != nullptr) {
    absl::StrAppend(&text, "\n",
                    TextParagraph("At the knee", LoadText(knee->load)),
                    StepText(*knee));
  }
  return text;
}

std::string ComparisonText(const Comparison& comparison) {
  std::string text = absl::StrCat("\n", TextParagraph("A", comparison.a),
                                  TextParagraph("B", comparison.b),
                                  ToText(TurnTable(comparison)));
  if (comparison.ratios.empty()) {
    return text;
  }
  absl::StrAppend(&text, ToText(RatioTable(comparison)), "\n");
  for (const Ratio& ratio : comparison.ratios) {
    absl::StrAppend(&text, TextParagraph("", Verdict(comparison, ratio)));
  }
  return text;
}

std::string EndText(const Report& report) {
  std::string text = "\n";
  const auto [verified, wrong] = VerifiedAndWrong(report);
  absl::StrAppend(
      &text, TextParagraph(
                 "Verified",
                 verified == 0
                     ? "no answer was compared with the reference"
                     : absl::StrCat(CountText(verified), " answers, ",
                                    wrong == 0 ? "0 wrong"
                                               : absl::StrCat(CountText(wrong),
                                                              " WRONG"))));
  for (const ObjectiveResult& result : report.objectives) {
    absl::StrAppend(
        &text,
        TextParagraph(result.held ? "Held" : "MISSED",
                      absl::StrCat(result.objective.ToString(), ": ",
                                   ValueText(result), JudgedAtText(report))));
  }
  for (const auto& [message, count] : MessagesOf(report)) {
    absl::StrAppend(
        &text, TextParagraph(absl::StrCat(CountText(count), " x"), message));
  }
  for (const std::string& reason : InvalidReasons(report)) {
    absl::StrAppend(
        &text,
        TextParagraph(IsInvalid(report) ? "INVALID" : "Client limit", reason));
  }
  return text;
}

}  // namespace

std::string TextReport(const Report& report) {
  std::string text = absl::StrCat(TextParagraph("Result", Headline(report)),
                                  TextParagraph("Workload", report.workload));
  if (report.step.has_value()) {
    absl::StrAppend(
        &text, TextParagraph(
                   "Load", absl::StrCat(LoadText(report.step->load), ", ",
                                        DurationText(report.step->duration))));
  }
  absl::StrAppend(&text, TextParagraph("Protocol", report.protocol),
                  TextParagraph("Command", report.command),
                  TextParagraph("Started", report.started));
  for (const auto& [name, value] : report.environment) {
    absl::StrAppend(&text, TextParagraph(name, value));
  }
  if (report.step.has_value()) {
    absl::StrAppend(&text, StepText(*report.step));
  } else if (report.sweep.has_value()) {
    absl::StrAppend(&text, SweepText(*report.sweep, MainStep(report)));
  } else if (report.comparison.has_value()) {
    absl::StrAppend(&text, ComparisonText(*report.comparison));
  }
  return absl::StrCat(text, EndText(report));
}

}  // namespace attention::load
