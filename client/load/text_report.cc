// A report for the terminal.
#include "client/load/text_report.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"
#include "client/load/text_table.h"

namespace attention::load {
namespace {

using Row = std::vector<std::string>;

constexpr double kPercentiles[] = {50, 90, 95, 99, 99.9, 100};

Row LatencyRow(const std::string& name, const Histogram& histogram) {
  Row row = {name};
  for (const double percent : kPercentiles) {
    row.push_back(PercentileText(histogram, percent));
  }
  return row;
}

std::string RequestsTable(const Step& step) {
  std::vector<Row> rows = {{"Requests", "", "", "of offered"}};
  const auto add = [&](const std::string& name, std::int64_t count,
                       double rate) {
    const auto offered = static_cast<double>(step.offered);
    const auto part = static_cast<double>(count);
    rows.push_back({name, CountText(count), RateText(rate),
                    PercentText(step.offered == 0 ? 0 : part / offered)});
  };
  const auto rate_of = [&](std::int64_t count) {
    return static_cast<double>(count) / step.duration.count();
  };
  add("offered", step.offered, step.OfferedRate());
  add("answered", step.Ended(Ending::kAnswered), step.AnsweredRate());
  for (const auto& [name, count] :
       {std::pair("refused", step.Ended(Ending::kRefused)),
        std::pair("expired", step.Ended(Ending::kExpired)),
        std::pair("failed", step.Ended(Ending::kFailed)),
        std::pair("dropped", step.dropped)}) {
    add(name, count, rate_of(count));
  }
  return TextTable(rows);
}

std::string LatencyTable(const Step& step) {
  std::vector<Row> rows = {
      {"Latency", "p50", "p90", "p95", "p99", "p99.9", "max"},
      LatencyRow("answered", step.Latency(Ending::kAnswered)),
      LatencyRow("from sending", step.from_send)};
  const auto add_if_any = [&](const char* name, const Histogram& histogram) {
    if (histogram.count() > 0) {
      rows.push_back(LatencyRow(name, histogram));
    }
  };
  add_if_any("refused", step.Latency(Ending::kRefused));
  add_if_any("expired", step.Latency(Ending::kExpired));
  add_if_any("failed", step.Latency(Ending::kFailed));
  add_if_any("server queue", step.server_queue);
  add_if_any("server compute", step.server_compute);
  add_if_any("send lag", step.send_lag);
  return TextTable(rows);
}

std::string StepText(const Step& step) {
  const double seconds = step.duration.count();
  const auto per_second = [&](std::int64_t amount) {
    return static_cast<double>(amount) / seconds;
  };
  return absl::StrCat(
      "\n", RequestsTable(step), "\n", LatencyTable(step), "\n",
      TextParagraph(
          "Throughput",
          absl::StrCat(RateText(step.AnsweredRate()), ", ",
                       NumberText(per_second(step.tokens_answered)),
                       " tokens/s, sent ",
                       BytesText(per_second(step.bytes_sent)), "/s, received ",
                       BytesText(per_second(step.bytes_received)), "/s")),
      TextParagraph(
          "Client",
          absl::StrFormat("%.2f cores, send lag p99 %s", step.client_cores,
                          PercentileText(step.send_lag, 99))));
}

Row SweepRow(const Step& step, const std::string& mark) {
  const Histogram& answered = step.Latency(Ending::kAnswered);
  return {ShortLoadText(step.load),
          RateText(step.OfferedRate()),
          RateText(step.AnsweredRate()),
          PercentText(step.ErrorShare()),
          PercentileText(answered, 50),
          PercentileText(answered, 99),
          mark};
}

std::string StepsTable(const Sweep& sweep) {
  std::vector<Row> rows = {
      {"Load", "offered", "answered", "errors", "p50", "p99", ""}};
  for (const int i : StepsByRate(sweep)) {
    rows.push_back(SweepRow(sweep.steps[static_cast<std::size_t>(i)],
                            i == sweep.knee ? "<- knee" : ""));
  }
  return TextTable(rows);
}

std::string OverloadTable(const std::vector<Overload>& overloads) {
  std::vector<Row> rows = {{"Overload", "offered", "goodput", "refused",
                            "refusal p50", "p99", "recovery"}};
  for (const Overload& overload : overloads) {
    const Step& step = overload.step;
    const Histogram& refused = step.Latency(Ending::kRefused);
    const auto refusals = static_cast<double>(step.Ended(Ending::kRefused));
    rows.push_back({absl::StrCat(NumberText(overload.factor), " x"),
                    RateText(step.OfferedRate()), RateText(overload.goodput),
                    RateText(refusals / step.duration.count()),
                    PercentileText(refused, 50), PercentileText(refused, 99),
                    RecoveryText(overload)});
  }
  return TextTable(rows);
}

std::string SweepText(const Sweep& sweep, const Step* knee) {
  std::string text = absl::StrCat("\n", StepsTable(sweep));
  if (!sweep.overloads.empty()) {
    absl::StrAppend(&text, "\n", OverloadTable(sweep.overloads));
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
  std::vector<Row> turns = {
      {"Turn", "load", "answered", "errors", "p50", "p99", "p99.9"}};
  const auto add = [&](const char* target, const std::vector<Step>& steps,
                       std::size_t turn) {
    if (turn < steps.size()) {
      const Step& step = steps[turn];
      const Histogram& answered = step.Latency(Ending::kAnswered);
      turns.push_back(
          {absl::StrCat(target, ", turn ", turn + 1), ShortLoadText(step.load),
           RateText(step.AnsweredRate()), PercentText(step.ErrorShare()),
           PercentileText(answered, 50), PercentileText(answered, 99),
           PercentileText(answered, 99.9)});
    }
  };
  const std::size_t rounds =
      std::max(comparison.steps_a.size(), comparison.steps_b.size());
  for (std::size_t turn = 0; turn < rounds; ++turn) {
    add("A", comparison.steps_a, turn);
    add("B", comparison.steps_b, turn);
  }
  std::string text =
      absl::StrCat("\n", TextParagraph("A", comparison.a),
                   TextParagraph("B", comparison.b), "\n", TextTable(turns));
  if (comparison.ratios.empty()) {
    return text;
  }
  std::vector<Row> ratios = {{"B / A", "ratio", "95 % interval", ""}};
  for (const Ratio& ratio : comparison.ratios) {
    ratios.push_back({ratio.name, RatioText(ratio.mean), IntervalText(ratio)});
  }
  absl::StrAppend(&text, "\n", TextTable(ratios), "\n");
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
