// Proves what is concluded from flags together: how many connections are
// enough, and that what cannot work is refused with a line that says why.
#include "client/load/command_line.h"

#include <cstdio>
#include <fstream>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/run_command.h"

namespace attention::load {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::variant<CommandLine, LoadExitCode> ParseWords(
    const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"attention-load"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return ParseLoadCommandLine(static_cast<int>(argv.size()), argv.data());
}

std::variant<CommandLine, LoadExitCode> Parse(const std::string& arguments) {
  return ParseWords(absl::StrSplit(arguments, ' '));
}

int Connections(const std::string& arguments) {
  const auto parsed = Parse(arguments);
  const auto* line = std::get_if<CommandLine>(&parsed);
  return line == nullptr ? -1 : line->access.connections;
}

// The line on stderr.
std::string Refusal(const std::string& arguments) {
  ::testing::internal::CaptureStderr();
  const auto parsed = Parse(arguments);
  const std::string said = ::testing::internal::GetCapturedStderr();
  const auto* code = std::get_if<LoadExitCode>(&parsed);
  EXPECT_TRUE(code != nullptr && *code == LoadExitCode::kUsage) << arguments;
  return said;
}

TEST(CommandLineTest, ThereIsAConnectionForEachThousandCalls) {
  // 10000 in flight at most, unless a flag says otherwise.
  EXPECT_EQ(Connections("run"), 10);
  EXPECT_EQ(Connections("sweep"), 10);
  EXPECT_EQ(Connections("run --max-in-flight 2001"), 3);
  EXPECT_EQ(Connections("run --concurrency 1000"), 1);
  EXPECT_EQ(Connections("run --concurrency 1001"), 2);
  EXPECT_EQ(Connections("run --target a:1,b:1,c:1"), 4);
  // The deployment of fewer targets needs more to each.
  EXPECT_EQ(Connections("compare --target a:1,b:1 --against c:1"), 10);
  EXPECT_EQ(Connections("run --connections 2"), 2);
  // A stream is one call.
  EXPECT_EQ(Connections("run --streams 8"), 1);
  EXPECT_EQ(Connections("run --streams 1000 --threads 2"), 2);
}

TEST(CommandLineTest, BothDeploymentsSpeakTheSameProtocolUnlessToldOtherwise) {
  const auto names = [](const std::string& arguments) {
    const auto parsed = Parse(arguments);
    const auto* line = std::get_if<CommandLine>(&parsed);
    return line == nullptr ? ""
                           : std::string(line->protocol->name()) + " " +
                                 line->against_protocol->name();
  };
  EXPECT_EQ(names("run"), "typed typed");
  EXPECT_EQ(names("sweep --protocol oip"), "oip oip");
  EXPECT_EQ(names("compare --against a:1 --protocol oip"), "oip oip");
  EXPECT_EQ(names("compare --against a:1 --against-protocol oip"), "typed oip");
  EXPECT_THAT(Refusal("run --protocol rest"),
              AllOf(HasSubstr("--protocol"), HasSubstr("rest"),
                    HasSubstr("typed,oip")));
}

TEST(CommandLineTest, RefusesFewerStreamsThanConnections) {
  EXPECT_EQ(Connections("run --streams 2 --threads 2 --connections 4"), 4);
  EXPECT_THAT(Refusal("run --streams 1 --threads 3 --connections 4"),
              AllOf(HasSubstr("--streams times --threads is 3, must be at "
                              "least one for each of the 4 connections"),
                    HasSubstr("raise --streams")));
  EXPECT_THAT(Refusal("run --streams 1 --target a:1,b:1"),
              HasSubstr("2 targets"));
  EXPECT_THAT(Refusal("compare --streams 1 --against a:1,b:1"),
              HasSubstr("2 targets"));
}

TEST(CommandLineTest, RefusesFewerRequestsInFlightThanThreads) {
  EXPECT_THAT(Refusal("run --max-in-flight 3 --threads 4"),
              HasSubstr("--max-in-flight is 3, must be at least --threads, 4"));
}

TEST(CommandLineTest, RefusesWhatIsNoNumberInRange) {
  for (const std::string flag :
       {"run --connect-timeout", "run --timeout", "run --verify",
        "run --duration", "run --warm-up", "run --rate", "sweep --first-rate",
        "sweep --max-rate", "sweep --resolution", "sweep --recovery"}) {
    for (const std::string value : {"nan", "inf", "-inf", "1e400", "fast"}) {
      EXPECT_THAT(
          Refusal(absl::StrCat(flag, "=", value)),
          HasSubstr(absl::StrCat(": ", value, " is not a number from ")));
    }
  }
  EXPECT_THAT(Refusal("run --duration 3601"),
              HasSubstr("--duration: 3601 is not a number from 0.1 to 3600"));
}

TEST(CommandLineTest, RefusesObjectivesOfAComparison) {
  EXPECT_THAT(Refusal("compare --against a:1 --slo p99=50ms"),
              HasSubstr("--slo is for run and sweep"));
}

TEST(CommandLineTest, RefusesObjectivesThatAreNone) {
  // The last word is empty.
  EXPECT_THAT(Refusal("run --slo "), HasSubstr("--slo: "));
  EXPECT_THAT(Refusal("sweep --slo "), HasSubstr("--slo: "));
  EXPECT_THAT(Refusal("compare --against a:1 --slo "), HasSubstr("--slo is"));
}

TEST(CommandLineTest, RefusesGapsBetweenTheRequestsOfAClosedLoop) {
  EXPECT_THAT(Refusal("run --arrivals constant --concurrency 3"),
              AllOf(HasSubstr("--concurrency"), HasSubstr("--arrivals")));
}

TEST(CommandLineTest, RefusesWeightsThatNothingReads) {
  EXPECT_THAT(Refusal("run --weights m=a"), HasSubstr("--weights is for"));
}

TEST(CommandLineTest, RefusesTheSameWeightsTwice) {
  EXPECT_THAT(Refusal("run --verify 1 --weights m=a --weights m=b"),
              HasSubstr("--weights names m twice"));
}

TEST(CommandLineTest, AddressesHaveNoBlanksAroundThem) {
  const auto parsed =
      ParseWords({"compare", "--target", "a:1, b:1", "--against", " c:1 ,"});
  const auto* line = std::get_if<CommandLine>(&parsed);
  ASSERT_NE(line, nullptr);
  EXPECT_THAT(line->access.targets, ElementsAre("a:1", "b:1"));
  EXPECT_THAT(line->against, ElementsAre("c:1"));
}

TEST(CommandLineTest, SaysWhichFlagNamesNoServer) {
  EXPECT_THAT(Refusal("run --target ,"),
              HasSubstr("--target is \",\", must name a server, HOST:PORT"));
  EXPECT_THAT(Refusal("compare --against ,"),
              HasSubstr("--against is \",\", must name a server, HOST:PORT"));
}

TEST(CommandLineTest, RefusesTlsFlagsWithoutTls) {
  for (const char* flag : {"--tls-ca /nowhere", "--tls-cert /nowhere",
                           "--tls-key /nowhere", "--tls-name example"}) {
    EXPECT_THAT(Refusal(std::string("run ") + flag), HasSubstr("need --tls"));
  }
}

TEST(CommandLineTest, RefusesFilesThatHoldNothing) {
  EXPECT_THAT(Refusal("run --tls --tls-ca /nowhere"),
              HasSubstr("--tls-ca: /nowhere cannot be read"));
  EXPECT_THAT(Refusal("run --tls --tls-key /"),
              HasSubstr("--tls-key: / is a directory"));
  EXPECT_THAT(Refusal("run --token-file /dev/null"),
              HasSubstr("--token-file: /dev/null is empty"));
}

TEST(CommandLineTest, ATokenIsOneLineOfPrintableAscii) {
  const std::string path = TempPath("token");
  const auto with = [&](const std::string& contents) {
    std::ofstream(path, std::ios::binary) << contents;
    return "run --token-file " + path;
  };
  const auto parsed = Parse(with("  s3cr+t/=\r\n"));
  ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed));
  EXPECT_EQ(std::get<CommandLine>(parsed).access.token, "s3cr+t/=");

  for (const std::string contents :
       {"\n", "two\nlines\n", "t\xc3\xb6ken", "bell\a"}) {
    EXPECT_THAT(Refusal(with(contents)),
                AllOf(StartsWith("attention-load: --token-file: " + path +
                                 " must hold one line of printable ASCII"),
                      EndsWith("\n")));
  }
}

}  // namespace
}  // namespace attention::load
