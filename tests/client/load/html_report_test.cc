// Proves that the page says what the report does, needs nothing from outside,
// and takes no foreign text for markup. html_page_test looks at it in a
// browser.
#include "client/load/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <set>

#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlReportTest, PutsTheResultFirst) {
  const std::string html = HtmlReport(StepReport());

  EXPECT_THAT(html,
              HasSubstr("<h1>1,000 requests/s answered, p99 20.0 ms</h1>"));
  EXPECT_THAT(html, HasSubstr("held p99=50ms: 20.0 ms"));
  EXPECT_THAT(html, HasSubstr("missed errors=0.1%: 0.20 %"));
  EXPECT_THAT(html, HasSubstr("<dt>Answered</dt><dd>1,000/s</dd>"));
  EXPECT_THAT(html, HasSubstr("<dt>Tokens</dt><dd>15,900/s</dd>"));
  EXPECT_THAT(html, HasSubstr("<dd>0</dd><dd class=\"note\">of 50 verified"));
}

TEST(HtmlReportTest, ASweepMarksItsKnee) {
  const std::string html = HtmlReport(SweepReport());

  EXPECT_THAT(html,
              HasSubstr("<tr class=\"marked\"><th scope=\"row\">2,828/s"));
  EXPECT_THAT(html, HasSubstr("<h2>At the knee: 2,828 requests/s"));
  EXPECT_THAT(html, HasSubstr("recovery: 1.25 s"));
  EXPECT_THAT(html, HasSubstr("<td>never</td>"));
}

TEST(HtmlReportTest, RecoveryFromWhatTheClientCouldNotOfferIsUnknown) {
  Report report = SweepReport();
  for (Overload& overload : report.sweep->overloads) {
    overload.recovery.reset();
    overload.is_limited_by_client = true;
  }
  const std::string html = HtmlReport(report);

  EXPECT_THAT(html, HasSubstr("recovery: unknown"));
  EXPECT_THAT(html, HasSubstr("<td>unknown</td>"));
}

TEST(HtmlReportTest, ThroughputIsOfTheAnswersThatCame) {
  Report report = StepReport();
  report.step->completed = 5'000;
  const std::string html = HtmlReport(report);

  EXPECT_THAT(html, HasSubstr("<dt>Answered</dt><dd>500/s</dd>"));
  EXPECT_THAT(html, HasSubstr("answered</th><td>10,000</td><td>500/s</td>"));
}

TEST(HtmlReportTest, ASweepSaysWhichOverloadsItSkipped) {
  Report report = SweepReport();
  EXPECT_THAT(HtmlReport(report), Not(HasSubstr("Not tried")));

  report.sweep->skipped_overloads = {4};
  EXPECT_THAT(HtmlReport(report), HasSubstr("<p>Not tried: 4"));
}

TEST(HtmlReportTest, AComparisonGivesItsVerdicts) {
  const std::string html = HtmlReport(ComparisonReport());

  EXPECT_THAT(html, HasSubstr("A: old:8001"));
  EXPECT_THAT(html,
              HasSubstr("<p>p50: new:8001 is faster than old:8001, 0.80"));
  EXPECT_THAT(html, HasSubstr("<td>0.75 to 0.85</td>"));
}

TEST(HtmlReportTest, InvalidRunsSaySoInCapitals) {
  Report report = StepReport();
  EXPECT_THAT(HtmlReport(report), Not(HasSubstr("INVALID")));

  report.step->invalid = {{"the client used all its cores"}};
  EXPECT_THAT(HtmlReport(report), HasSubstr("INVALID: these figures"));
  EXPECT_THAT(HtmlReport(report),
              HasSubstr("<li>the client used all its cores</li>"));
}

TEST(HtmlReportTest, AStepThatTheKneeDoesWithoutIsNoVerdict) {
  Report report = SweepReport();
  report.sweep->steps[4].invalid = {{"late"}};
  const std::string html = HtmlReport(report);

  EXPECT_THAT(html, HasSubstr("<h2>Client-limited: these loads"));
  EXPECT_THAT(html, HasSubstr("<li>4,000/s: late</li>"));
  EXPECT_THAT(html, Not(HasSubstr("INVALID")));
}

TEST(HtmlReportTest, NeedsNothingFromOutside) {
  for (const Report& report :
       {StepReport(), SweepReport(), ComparisonReport()}) {
    const std::string html = HtmlReport(report);
    EXPECT_THAT(html, HasSubstr("default-src 'none'"));
    for (const char* reference :
         {"<link", "<script", "<img", "<iframe", " src=", " href=", "url(",
          "@import", "http://", "https://"}) {
      EXPECT_THAT(html, Not(HasSubstr(reference)));
    }
  }
}

TEST(HtmlReportTest, IdsAreUnique) {
  for (const Report& report :
       {StepReport(), SweepReport(), ComparisonReport()}) {
    const std::string html = HtmlReport(report);
    std::set<std::string> ids;
    const std::regex id(" id=\"([^\"]*)\"");
    for (std::sregex_iterator match(html.begin(), html.end(), id), end;
         match != end; ++match) {
      EXPECT_TRUE(ids.insert((*match)[1]).second) << (*match)[1];
    }
    EXPECT_FALSE(ids.empty());
  }
}

// Each place of a report that holds text from a user, a file or a server.
const std::function<void(Report&, const std::string&)> kForeignTexts[] = {
    [](Report& report, const std::string& text) { report.command = text; },
    [](Report& report, const std::string& text) { report.started = text; },
    [](Report& report, const std::string& text) { report.workload = text; },
    [](Report& report, const std::string& text) {
      report.environment = {{"CPU", text}};
    },
    [](Report& report, const std::string& text) {
      report.environment = {{text, "CPU"}};
    },
    [](Report& report, const std::string& text) {
      report.step->messages = {{text, 1}};
    },
    [](Report& report, const std::string& text) {
      report.step->invalid = {{text}};
    },
    [](Report& report, const std::string& text) {
      report.step.reset();
      report.comparison = ComparisonReport().comparison;
      report.comparison->a = text;
    },
    [](Report& report, const std::string& text) {
      report.step.reset();
      report.comparison = ComparisonReport().comparison;
      report.comparison->b = text;
    },
    [](Report& report, const std::string& text) {
      report.step.reset();
      report.comparison = ComparisonReport().comparison;
      report.comparison->ratios[0].name = text;
    },
};

// RESOURCE_EXHAUSTED, UNAVAILABLE or no code at all, as the protocol has it.
TEST(HtmlReportTest, ExplainsRefusalsWithoutTheCodeOfOneProtocol) {
  Report report = StepReport();
  report.protocol = "oip";
  report.step->messages = {{"UNAVAILABLE: queue: 1 requests wait", 12}};
  const std::string html = HtmlReport(report);

  EXPECT_THAT(html, HasSubstr("requests were shed by the server, which had no "
                              "room"));
  EXPECT_THAT(html, Not(HasSubstr("RESOURCE_EXHAUSTED")));
}

TEST(HtmlReportTest, ForeignTextIsNeverMarkup) {
  for (const auto& put : kForeignTexts) {
    Report report = StepReport();
    put(report, "\"'><script>alert(1)</script>");
    const std::string html = HtmlReport(report);

    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, HasSubstr("&quot;&#39;&gt;&lt;script&gt;alert(1)"));
  }
}

TEST(HtmlReportTest, ReportsOfNothingArePages) {
  Report no_answer;
  no_answer.step = Step{};
  Report no_knee = SweepReport();
  no_knee.sweep->knee = -1;
  no_knee.sweep->overloads.clear();
  Report no_steps;
  no_steps.sweep = Sweep{};
  Report no_turns;
  no_turns.comparison = Comparison{};
  for (const Report& report :
       {Report(), no_answer, no_knee, no_steps, no_turns}) {
    const std::string html = HtmlReport(report);
    EXPECT_THAT(html, ::testing::EndsWith("</html>\n"));
    EXPECT_THAT(html, Not(HasSubstr("nan")));
  }
}

}  // namespace
}  // namespace attention::load
