// Proves that the report for the terminal says what the figures are, that it
// fits into 80 columns, and that foreign text cannot steer the terminal.
#include "client/load/text_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n');
}

// The words of the first line that begins with `name`, without it.
std::vector<std::string> Row(const std::string& text, const std::string& name) {
  for (const std::string& line : Lines(text)) {
    const absl::string_view trimmed = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(trimmed, name)) {
      return absl::StrSplit(trimmed.substr(name.size()), ' ',
                            absl::SkipEmpty());
    }
  }
  ADD_FAILURE() << "no line begins with " << name << " in\n" << text;
  return {};
}

// The durations of a row, in milliseconds.
std::vector<double> Milliseconds(const std::string& text,
                                 const std::string& name) {
  const std::map<std::string, double> units = {
      {"us", 1e-3}, {"ms", 1}, {"s", 1e3}};
  const std::vector<std::string> words = Row(text, name);
  std::vector<double> values;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    double value = 0;
    EXPECT_TRUE(absl::SimpleAtod(words[i], &value)) << words[i];
    values.push_back(value * units.at(words[i + 1]));
  }
  return values;
}

// Within a per cent: histograms have buckets, and texts have three digits.
auto Near(double value) { return ::testing::DoubleNear(value, 0.01 * value); }

TEST(TextReportTest, LongTimesHaveNoExponents) {
  Report run = StepReport();
  run.step->duration = Seconds(1800);
  EXPECT_THAT(TextReport(run), HasSubstr("Poisson arrivals, 1800 s\n"));

  Report sweep = SweepReport();
  sweep.sweep->overloads[1].recovery = Seconds(1250);
  EXPECT_THAT(absl::StrJoin(Row(TextReport(sweep), "2 x"), " "),
              EndsWith(" 1250 s"));
}

TEST(TextReportTest, SaysWhatWasRun) {
  const std::string text = TextReport(StepReport());

  EXPECT_THAT(text, HasSubstr("attention-load run --rate 1002 --duration 10"));
  EXPECT_THAT(text, HasSubstr("2026-03-01T12:00:00Z"));
  EXPECT_THAT(text, HasSubstr("one of 64 sentences a request"));
  EXPECT_THAT(text, HasSubstr("1,002 requests/s, Poisson arrivals, 10.0 s"));
  EXPECT_THAT(text, HasSubstr("CPU           AMD EPYC 9R14"));
}

TEST(TextReportTest, CountsHowRequestsEnded) {
  const std::string text = TextReport(StepReport());

  EXPECT_THAT(Row(text, "offered"),
              ElementsAre("10,020", "1,002/s", "100", "%"));
  EXPECT_THAT(Row(text, "answered"),
              ElementsAre("10,000", "1,000/s", "99.80", "%", _, "ms", _, "ms"));
  EXPECT_THAT(Row(text, "expired"),
              ElementsAre("3", "0.3/s", "0.03", "%", "1.00", "s", "1.00", "s"));
  EXPECT_THAT(Row(text, "dropped"), ElementsAre("4", "0.4/s", "0.04", "%"));
}

TEST(TextReportTest, ShowsWhatWaitingInTheClientCosts) {
  std::string text = TextReport(StepReport());
  text = text.substr(text.find("Latency"));

  EXPECT_THAT(Row(text, "p50"),
              ElementsAre("p90", "p95", "p99", "p99.9", "max"));
  EXPECT_THAT(
      Milliseconds(text, "answered"),
      ElementsAre(Near(4), Near(6), Near(8), Near(20), Near(80), Near(250)));
  const std::vector<double> sent = Milliseconds(text, "from sending");
  ASSERT_EQ(sent.size(), 6);
  EXPECT_THAT(sent[3], Near(12));
  EXPECT_THAT(sent[5], Near(40));
  EXPECT_THAT(Milliseconds(text, "server queue")[0], Near(1));
  EXPECT_THAT(Milliseconds(text, "server compute")[0], Near(1.5));
  EXPECT_THAT(Milliseconds(text, "send lag")[0], Near(0.02));
}

TEST(TextReportTest, ShowsThroughputAndTheClient) {
  const std::string text = TextReport(StepReport());

  EXPECT_THAT(Row(text, "tokens answered"), ElementsAre("15,900/s"));
  EXPECT_THAT(Row(text, "received"), ElementsAre("1.20", "MB/s"));
  EXPECT_THAT(Row(text, "client CPU"), ElementsAre("0.35", "cores"));
  EXPECT_THAT(text, HasSubstr("Verified      50 answers, 0 wrong"));
}

// With a deep queue all are answered, but not in time.
TEST(TextReportTest, ThroughputIsOfTheAnswersThatCame) {
  Report report = StepReport();
  report.step->completed = 5'000;
  const std::string text = TextReport(report);

  EXPECT_THAT(text, StartsWith("Result        500 requests/s answered"));
  EXPECT_EQ(Row(text, "answered")[1], "500/s");
  EXPECT_THAT(Row(text, "requests answered"), ElementsAre("500/s"));
}

TEST(TextReportTest, SaysWhichObjectivesWereMissed) {
  const std::string text = TextReport(StepReport());

  EXPECT_THAT(text, HasSubstr("Held          p99=50ms: 20.0 ms"));
  EXPECT_THAT(text, HasSubstr("MISSED        errors=0.1%: 0.20 %"));
}

TEST(TextReportTest, TellsWhatWasSaidInsteadOfAnAnswer) {
  const std::string text = TextReport(StepReport());

  EXPECT_THAT(text,
              HasSubstr("12 x          RESOURCE_EXHAUSTED: queue is full"));
  EXPECT_THAT(text, HasSubstr("1 x           UNAVAILABLE: Socket closed"));
  EXPECT_LT(text.find("queue is full"), text.find("DEADLINE_EXCEEDED"));
}

TEST(TextReportTest, WrongAnswersAndInvalidRunsAreInCapitals) {
  Report report = StepReport();
  EXPECT_THAT(TextReport(report), Not(HasSubstr("INVALID")));

  report.step->wrong = 2;
  report.step->invalid = {{"the client used 1.98 of 2 cores; use --threads"}};
  const std::string text = TextReport(report);

  EXPECT_THAT(text, HasSubstr("50 answers, 2 WRONG"));
  EXPECT_THAT(text, HasSubstr("INVALID       the client used 1.98 of 2 cores; "
                              "use --threads"));
}

TEST(TextReportTest, AStepThatTheKneeDoesWithoutIsNoVerdict) {
  Report report = SweepReport();
  report.sweep->steps[4].invalid = {{"late"}};
  const std::string text = TextReport(report);

  EXPECT_THAT(text, HasSubstr("Client limit  4,000/s: late\n"));
  EXPECT_THAT(text, Not(HasSubstr("INVALID")));
}

TEST(TextReportTest, NothingVerifiedIsNotNothingWrong) {
  Report report = StepReport();
  report.step->verified = 0;

  EXPECT_THAT(TextReport(report),
              HasSubstr("no answer was compared with the reference"));
}

TEST(TextReportTest, ASweepShowsItsStepsByRateAndTheKnee) {
  const std::string text = TextReport(SweepReport());

  EXPECT_THAT(text, StartsWith("Result        Holds 2,828 requests/s"));
  EXPECT_LT(text.find("  2,000/s"), text.find("  2,828/s"));
  EXPECT_LT(text.find("  2,828/s"), text.find("  4,000/s"));
  EXPECT_THAT(absl::StrJoin(Row(text, "2,828/s"), " "), EndsWith(" knee"));
  EXPECT_THAT(absl::StrJoin(Row(text, "4,000/s"), " "),
              StartsWith("4,000/s 2,900/s 27.50 %"));
  EXPECT_THAT(text, HasSubstr("At the knee   2,828 requests/s"));
}

TEST(TextReportTest, ASweepShowsWhatOverloadDoes) {
  const std::string text = TextReport(SweepReport());

  EXPECT_THAT(Row(text, "2 x"),
              ElementsAre("5,656/s", "2,400/s", "2,756/s", "300", "us", "2.08",
                          "ms", "1.25", "s"));
  EXPECT_EQ(Row(text, "4 x").back(), "never");
  EXPECT_THAT(text, Not(HasSubstr("Not tried")));
}

TEST(TextReportTest, RecoveryFromWhatTheClientCouldNotOfferIsUnknown) {
  Report report = SweepReport();
  report.sweep->overloads.back().is_limited_by_client = true;

  EXPECT_EQ(Row(TextReport(report), "4 x").back(), "unknown");
}

TEST(TextReportTest, ASweepSaysWhichOverloadsItSkipped) {
  Report report = SweepReport();
  report.sweep->overloads.clear();
  report.sweep->skipped_overloads = {2, 4};

  EXPECT_THAT(
      TextReport(report),
      HasSubstr(
          "Not tried     2 x, 4 x the knee: more than --max-rate allows"));
}

TEST(TextReportTest, ASweepWithoutAKneeHasNone) {
  Report report = SweepReport();
  report.sweep->knee = -1;
  report.sweep->overloads.clear();
  report.objectives[0].held = false;
  const std::string text = TextReport(report);

  EXPECT_THAT(text, HasSubstr("MISSED        p99=50ms: 38.5 ms at 250/s, the "
                              "lowest rate that was tried\n"));
  EXPECT_THAT(text, StartsWith("Result        Holds less than 250 requests/s"));
  EXPECT_THAT(text, Not(HasSubstr("knee")));
  EXPECT_THAT(text, Not(HasSubstr("Overload")));
}

TEST(TextReportTest, AComparisonGivesRatiosAndVerdicts) {
  const std::string text = TextReport(ComparisonReport());

  EXPECT_THAT(text, HasSubstr("A             old:8001\n"));
  EXPECT_THAT(text, HasSubstr("B             new:8001\n"));
  EXPECT_THAT(Row(text, "A, turn 2")[1], "1,001/s");
  EXPECT_THAT(text, HasSubstr("p50          0.80   0.75 to 0.85\n"));
  EXPECT_THAT(text, HasSubstr("answered/s: no difference shown, 1.02 times"));
  EXPECT_THAT(text, HasSubstr("p50: new:8001 is faster than old:8001"));
  EXPECT_THAT(text, HasSubstr("p99: new:8001 is slower than old:8001"));
}

TEST(TextReportTest, AComparisonShowsWhatWasNotAnswered) {
  Report report = ComparisonReport();
  Step& turn = report.comparison->steps_b[0];
  turn.offered = 1000;
  turn.ended[0] = turn.completed = 0;
  turn.latency[0] = Histogram();
  report.comparison->ratios.clear();
  const std::string text = TextReport(report);

  EXPECT_THAT(text, StartsWith("Result        new:8001 answered nothing in"));
  EXPECT_THAT(Row(text, "B, turn 1"),
              ElementsAre("800/s", "0/s", "100", "%", "-", "-", "-"));
  EXPECT_THAT(text, Not(HasSubstr("95 % interval")));
}

// The same report with everything as long, as large or as hostile as it gets.
Report Extreme(Report report) {
  const std::string hostile =
      "\x1b[2J" + std::string(300, 'x') + "\n\xc3\xa9 <script>";
  report.command = report.started = report.workload = hostile;
  report.environment = {{hostile, hostile}, {"", ""}};
  const auto exaggerate = [&](Step& step) {
    step.load.rate = 123'456'789;
    step.messages = {{hostile, std::int64_t{1} << 60}};
    step.invalid = {{hostile}};
    step.offered = std::int64_t{1} << 62;
    step.bytes_sent = step.tokens_answered = std::int64_t{1} << 62;
    for (int i = 0; i < kEndings; ++i) {
      step.ended[i] = std::int64_t{1} << 60;
      step.latency[i].Record(std::chrono::hours(1));
    }
  };
  if (report.step.has_value()) {
    exaggerate(*report.step);
  }
  if (report.sweep.has_value()) {
    for (Overload& overload : report.sweep->overloads) {
      exaggerate(overload.step);
    }
    exaggerate(report.sweep->steps[5]);
  }
  if (report.comparison.has_value()) {
    report.comparison->a = report.comparison->b = hostile;
    exaggerate(report.comparison->steps_a[1]);
  }
  return report;
}

TEST(TextReportTest, FitsInto80ColumnsWhateverComes) {
  for (const Report& report :
       {StepReport(), SweepReport(), ComparisonReport(), Report(),
        Extreme(StepReport()), Extreme(SweepReport()),
        Extreme(ComparisonReport())}) {
    const std::string text = TextReport(report);
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    for (const std::string& line : Lines(text)) {
      // Two bytes are one character of the accent.
      EXPECT_LE(line.size(), 81) << line;
    }
  }
}

TEST(TextReportTest, AnEmptyStepHasDashes) {
  Report report;
  report.step = Step{};
  const std::string text = TextReport(report);

  EXPECT_THAT(text, HasSubstr("No request was answered"));
  EXPECT_THAT(text.substr(text.find("Latency")),
              HasSubstr("answered        -    -    -    -      -    -"));
}

}  // namespace
}  // namespace attention::load
