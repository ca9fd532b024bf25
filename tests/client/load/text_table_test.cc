// Proves that tables are aligned, and that paragraphs of foreign text stay
// within 80 columns and cannot steer a terminal.
#include "client/load/text_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"

namespace attention::load {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

TEST(TextTableTest, AlignsNamesLeftAndFiguresRight) {
  EXPECT_EQ(TextTable({{"Load", "p50", "p99", ""},
                       {"1,000/s", "4.10 ms", "12 ms", "<- knee"},
                       {"5/s", "3 us", "900 ms"}}),
            "  Load         p50     p99\n"
            "  1,000/s  4.10 ms   12 ms  <- knee\n"
            "  5/s         3 us  900 ms\n");
}

TEST(TextTableTest, CountsCharactersNotBytes) {
  EXPECT_EQ(TextTable({{"\xc3\xa9t\xc3\xa9", "1"}, {"hiver", "22"}}),
            "  \xc3\xa9t\xc3\xa9     1\n"
            "  hiver  22\n");
}

TEST(TextTableTest, AParagraphBeginsUnderItself) {
  const std::string word(30, 'w');

  EXPECT_EQ(TextParagraph("Workload", "a  b"), "Workload      a b\n");
  EXPECT_EQ(TextParagraph("Label", word + " " + word + " " + word),
            "Label         " + word + " " + word + "\n" + "              " +
                word + "\n");
}

TEST(TextTableTest, ALongLabelBecomesText) {
  EXPECT_EQ(TextParagraph("fourteen chars", "and text"),
            "              fourteen chars and text\n");
}

TEST(TextTableTest, NothingIsWiderThan80Columns) {
  for (std::size_t size = 50; size < 400; ++size) {
    const std::string text = TextParagraph("x", std::string(size, 'x') + " yy");
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    EXPECT_THAT(lines, Each(SizeIs(Le(80)))) << size;
    EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), size + 1);
  }
}

TEST(TextTableTest, BreaksBetweenCharactersOfUtf8) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += "\xe2\x82\xac";
  }
  const std::vector<std::string> lines =
      absl::StrSplit(TextParagraph("", text), '\n');

  EXPECT_EQ(lines[0].size(), 14 + 66 * 3);
  EXPECT_EQ(lines[1].size(), 14 + 34 * 3);
}

TEST(TextTableTest, WhatATerminalObeysIsReplaced) {
  const std::string text =
      TextParagraph("a\x1b[2J",
                    "x\x1b[31mred\r\nfake\tline\x7f \xc2\x9b"
                    "31m\b!");

  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(text, Not(HasSubstr("\b")));
  EXPECT_THAT(text, HasSubstr("x [31mred fake line 31m !"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

}  // namespace
}  // namespace attention::load
