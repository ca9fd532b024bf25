// A report as HTML.
#include "client/load/html_report.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/conclusions.h"
#include "client/load/figure_text.h"
#include "client/load/forest_svg.h"
#include "client/load/html_elements.h"
#include "client/load/html_style.h"
#include "client/load/report_charts.h"
#include "client/load/report_tables.h"

namespace attention::load {
namespace {

using Limit = std::optional<Histogram::Duration>;

// Percentiles of the tables beside the charts; 100 is called max.
constexpr double kPercentiles[] = {50, 75, 90, 95, 99, 99.9, 99.99, 100};

constexpr char kHowToRead[] = R"html(<h3>How to read it</h3>
<p><strong>Latency</strong> counts from the moment at which a request was meant
to start, so that a request which had to wait for others in the client is as
late as its user would have found it. <em>From the sending</em> is what a client
sees that waits for answers before it goes on; the gap between the two is what
such a client hides.</p>
<p><strong>Refused</strong> requests were shed by the server, which had no room
for them, <strong>expired</strong> ones had no answer before their deadline,
<strong>dropped</strong> ones were never sent because too many were in flight.
The rate of the <strong>answered</strong> is that at which answers came, also
those to requests of before. The <strong>knee</strong> is the highest load that
held the objectives.</p>
)html";

std::string Card(const std::string& html) {
  return absl::StrCat("<div class=\"card\">\n", html, "</div>\n");
}

std::string Grid(const std::string& html) {
  return absl::StrCat("<div class=\"grid\">\n", html, "</div>\n");
}

std::string Figure(const Chart& chart) {
  return absl::StrCat("<figure class=\"card\">\n<h3>", HtmlText(chart.title),
                      "</h3>\n", ChartLegend(chart), ChartSvg(chart),
                      "</figure>\n");
}

ReportTable LatencyTable(const std::vector<NamedHistogram>& histograms) {
  ReportTable table = {.caption = "Latency", .head = {"percentile"}};
  std::vector<const Histogram*> shown;
  for (const NamedHistogram& named : histograms) {
    if (named.histogram->count() > 0) {
      table.head.push_back(named.name);
      shown.push_back(named.histogram);
    }
  }
  for (const double percent : kPercentiles) {
    table.rows.push_back(
        {percent == 100 ? "max" : absl::StrFormat("p%g", percent)});
    for (const Histogram* histogram : shown) {
      table.rows.back().push_back(PercentileText(*histogram, percent));
    }
  }
  return table;
}

std::string StepHtml(const Step& step, Limit limit) {
  const std::vector<NamedHistogram> answered = {
      {"from the intended start", &step.Latency(Ending::kAnswered)},
      {"from the sending", &step.from_send}};
  std::vector<NamedHistogram> all = answered;
  all.push_back({"server queue", &step.server_queue});
  all.push_back({"server compute", &step.server_compute});
  std::string html =
      Figure(PercentileChart("Latency of the answered, by "
                             "percentile",
                             answered, limit));
  absl::StrAppend(&html, Card(ToHtml(LatencyTable(all))));
  if (!step.timeline.empty()) {
    absl::StrAppend(&html, Figure(TimelineChart(step)),
                    Figure(TimelineLatencyChart(step, limit)));
  }
  absl::StrAppend(&html, Card(ToHtml(EndingTable(step))),
                  Card(ToHtml(ThroughputTable(step))));
  return Grid(html);
}

std::string SweepHtml(const Sweep& sweep, const Step* knee, Limit limit) {
  if (sweep.steps.empty()) {
    return "";
  }
  std::string html = Grid(absl::StrCat(Figure(ThroughputChart(sweep, limit)),
                                       Figure(LoadLatencyChart(sweep, limit))));
  absl::StrAppend(&html, "<div class=\"stack\">\n",
                  Card(ToHtml(LoadTable(sweep))));
  if (!sweep.overloads.empty()) {
    absl::StrAppend(&html, Card(ToHtml(OverloadTable(sweep.overloads))));
  }
  if (!sweep.skipped_overloads.empty()) {
    absl::StrAppend(
        &html,
        Card(absl::StrCat("<p>Not tried: ", SkippedText(sweep), ".</p>\n")));
  }
  absl::StrAppend(&html, "</div>\n");
  if (knee != nullptr) {
    absl::StrAppend(&html, "<h2>At the knee: ", HtmlText(LoadText(knee->load)),
                    "</h2>\n", StepHtml(*knee, limit));
  }
  return html;
}

Histogram Merged(const std::vector<Step>& steps) {
  Histogram sum;
  for (const Step& step : steps) {
    sum.Merge(step.Latency(Ending::kAnswered));
  }
  return sum;
}

std::string ComparisonHtml(const Comparison& comparison, Limit limit) {
  const Histogram a = Merged(comparison.steps_a);
  const Histogram b = Merged(comparison.steps_b);
  const std::vector<NamedHistogram> both = {{"A", &a}, {"B", &b}};
  std::string sentences;
  for (const Ratio& ratio : comparison.ratios) {
    absl::StrAppend(&sentences, "<p>", HtmlText(Verdict(comparison, ratio)),
                    "</p>\n");
  }
  std::string html;
  if (!comparison.ratios.empty()) {
    absl::StrAppend(
        &html,
        "<figure class=\"card\">\n<h3>Ratios B / A with their 95 % "
        "intervals</h3>\n",
        ForestSvg(comparison), "</figure>\n",
        Card(absl::StrCat(ToHtml(RatioTable(comparison)), sentences)));
  }
  absl::StrAppend(&html,
                  Figure(PercentileChart("Latency of the answered, all turns",
                                         both, limit)),
                  Card(ToHtml(LatencyTable(both))));
  return absl::StrCat(Grid(html), "<div class=\"stack\">\n",
                      Card(ToHtml(TurnTable(comparison))), "</div>\n");
}

void AddStepTiles(const Step& step, std::vector<HtmlTile>& tiles) {
  const Histogram& answered = step.Latency(Ending::kAnswered);
  tiles.push_back({"p50", PercentileText(answered, 50), "of the answered"});
  tiles.push_back(
      {"p99", PercentileText(answered, 99),
       absl::StrCat("from the sending ", PercentileText(step.from_send, 99))});
  tiles.push_back({"Tokens",
                   RateText(static_cast<double>(step.tokens_answered) /
                            step.duration.count()),
                   absl::StrCat(BytesText(static_cast<double>(step.bytes_sent) /
                                          step.duration.count()),
                                "/s sent")});
}

std::vector<HtmlTile> Tiles(const Report& report) {
  std::vector<HtmlTile> tiles;
  if (report.step.has_value()) {
    const Step& step = *report.step;
    tiles.push_back(
        {"Answered", RateText(step.AnsweredRate()),
         absl::StrCat("of ", RateText(step.OfferedRate()), " offered")});
    AddStepTiles(step, tiles);
    tiles.push_back(
        {"Errors", PercentText(step.ErrorPercent() / 100),
         absl::StrCat(CountText(step.offered - step.Ended(Ending::kAnswered)),
                      " of ", CountText(step.offered))});
  } else if (report.sweep.has_value()) {
    if (const Step* knee = MainStep(report)) {
      tiles.push_back(
          {"Knee", RateText(knee->load.rate), "highest load that held"});
      AddStepTiles(*knee, tiles);
    }
    for (const Overload& overload : report.sweep->overloads) {
      if (overload.factor == 2) {
        tiles.push_back({"Goodput at 2 x", RateText(overload.goodput),
                         absl::StrCat("recovery: ", RecoveryText(overload))});
      }
    }
  } else if (report.comparison.has_value()) {
    for (const Ratio& ratio : report.comparison->ratios) {
      tiles.push_back({absl::StrCat(ratio.name, ", B / A"),
                       absl::StrCat(RatioText(ratio.mean), " x"),
                       IntervalText(ratio)});
    }
  }
  const auto [verified, wrong] = VerifiedAndWrong(report);
  if (verified > 0) {
    tiles.push_back({"Wrong answers", CountText(wrong),
                     absl::StrCat("of ", CountText(verified), " verified"),
                     wrong > 0});
  }
  return tiles;
}

std::string InvalidHtml(const Report& report) {
  const std::vector<std::string> reasons = InvalidReasons(report);
  if (reasons.empty()) {
    return "";
  }
  std::string html =
      IsInvalid(report)
          ? "<section class=\"invalid\">\n<h2>INVALID: these figures say more "
            "about the client than about the server</h2>\n<ul>\n"
          : "<section class=\"limited\">\n<h2>Client-limited: these loads say "
            "more about the client than about the server, and the knee does "
            "without them</h2>\n<ul>\n";
  for (const std::string& reason : reasons) {
    absl::StrAppend(&html, "<li>", HtmlText(reason), "</li>\n");
  }
  return absl::StrCat(html, "</ul>\n</section>\n");
}

std::string HeaderHtml(const Report& report) {
  std::string html = absl::StrCat(
      "<header>\n<p class=\"kicker\">attention-load, ",
      HtmlText(report.started), "</p>\n<h1>", HtmlText(Headline(report)),
      "</h1>\n<p class=\"lead\">", HtmlText(report.workload));
  if (report.step.has_value()) {
    absl::StrAppend(&html, "; ", HtmlText(LoadText(report.step->load)), ", ",
                    DurationText(report.step->duration));
  } else if (report.comparison.has_value()) {
    absl::StrAppend(&html, "<br>A: ", HtmlText(report.comparison->a),
                    "<br>B: ", HtmlText(report.comparison->b));
  }
  absl::StrAppend(&html, "</p>\n");
  if (!report.objectives.empty()) {
    absl::StrAppend(&html, "<ul class=\"objectives\">\n");
    for (const ObjectiveResult& result : report.objectives) {
      absl::StrAppend(&html,
                      result.held ? "<li class=\"held\">&#10003; held "
                                  : "<li class=\"missed\">&#10007; "
                                    "missed ",
                      HtmlText(result.objective.ToString()), ": ",
                      HtmlText(ValueText(result)),
                      HtmlText(JudgedAtText(report)), "</li>\n");
    }
    absl::StrAppend(&html, "</ul>\n");
  }
  return absl::StrCat(html, InvalidHtml(report), "</header>\n");
}

std::string EndHtml(const Report& report) {
  ReportTable environment = {.caption = "Environment"};
  environment.rows.push_back({"command", report.command});
  environment.rows.push_back({"protocol", report.protocol});
  for (const auto& [name, value] : report.environment) {
    environment.rows.push_back({name, value});
  }
  std::string html = absl::StrCat(
      "<h2>How it was measured</h2>\n",
      Grid(absl::StrCat("<div class=\"card prose\">\n", ToHtml(environment),
                        "</div>\n", Card(kHowToRead))));
  const auto messages = MessagesOf(report);
  if (!messages.empty()) {
    ReportTable table = {.caption = "What was said instead of an answer",
                         .head = {"times", "message"}};
    for (const auto& [text, count] : messages) {
      table.rows.push_back({CountText(count), text});
    }
    absl::StrAppend(&html,
                    "<div class=\"stack\">\n<div class=\"card prose\">\n",
                    ToHtml(table), "</div>\n</div>\n");
  }
  return html;
}

}  // namespace

std::string HtmlReport(const Report& report) {
  const Limit limit = LatencyLimit(report);
  // The policy makes sure that nothing is fetched, and that no text which was
  // put in runs.
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>",
      HtmlText(Headline(report)), "</title>\n<style>", kHtmlStyle,
      "</style>\n</head>\n<body>\n", HeaderHtml(report), "<main>\n",
      ToHtml(Tiles(report)), "<h2>Figures</h2>\n");
  if (report.step.has_value()) {
    absl::StrAppend(&html, StepHtml(*report.step, limit));
  } else if (report.sweep.has_value()) {
    absl::StrAppend(&html, SweepHtml(*report.sweep, MainStep(report), limit));
  } else if (report.comparison.has_value()) {
    absl::StrAppend(&html, ComparisonHtml(*report.comparison, limit));
  }
  return absl::StrCat(html, EndHtml(report), "</main>\n</body>\n</html>\n");
}

}  // namespace attention::load
