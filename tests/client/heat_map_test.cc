// Proves the picture of attention weights against pictures drawn by hand, with
// and without colour, for every way in which it can fail to fit.
#include "client/cli/heat_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"

namespace attention {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

HeatMap SmallMap() {
  return {.queries = {"[CLS]", "it", "big"},
          .keys = {"[CLS]", "it", "big"},
          .weights = {1.0F, 0.0F, 0.0F,  //
                      0.1F, 0.2F, 0.7F,  //
                      0.5F, 0.3F, 0.2F}};
}

TEST(HeatMapTest, DrawsShadesWithoutColour) {
  // Full is 100 %: levels begin at 8, 25, 45, 65 and 85 %.
  EXPECT_EQ(RenderHeatMap(SmallMap(), {}),
            "         [\n"
            "         C\n"
            "         L   b\n"
            "         S i i\n"
            "         ] t g    strongest word\n"
            "  [CLS] │██    │  -\n"
            "     it │· · ▓▓│  big       70 %\n"
            "    big │▒▒░░· │  it        30 %\n"
            "\n"
            "            0.0   ·  8.0   ░░ 25   ▒▒ 45   ▓▓ 65   ██ 85 % and "
            "up\n");
}

TEST(HeatMapTest, DrawsAsciiForTerminalsWithoutUnicode) {
  const std::string picture = RenderHeatMap(SmallMap(), {.ascii = true});

  EXPECT_THAT(picture, HasSubstr("     it |. . ##|  big       70 %\n"));
  for (const char c : picture) {
    EXPECT_GT(c, 0);
  }
}

TEST(HeatMapTest, WritesPercentagesOnColours) {
  const std::string picture =
      RenderHeatMap(SmallMap(), {.color = ColorDepth::kTrueColor});

  EXPECT_THAT(picture, HasSubstr("\x1b[48;2;245;125;21;38;2;0;0;0m 70\x1b[0m"));
  EXPECT_THAT(picture, HasSubstr("m100\x1b[0m"));
}

TEST(HeatMapTest, Uses256ColoursWhereThereAreNoMore) {
  const std::string picture =
      RenderHeatMap(SmallMap(), {.color = ColorDepth::k256});

  EXPECT_THAT(picture, HasSubstr("\x1b[48;5;208;38;5;16m 70\x1b[0m"));
  EXPECT_THAT(picture, Not(HasSubstr("48;2;")));
}

HeatMap WideMap(int keys) {
  HeatMap map{.queries = {"q"}};
  for (int i = 0; i < keys; ++i) {
    map.keys.push_back(absl::StrCat("k", i));
    map.weights.push_back(1.0F / static_cast<float>(keys));
  }
  return map;
}

int LongestLine(const std::string& text) {
  int longest = 0;
  int width = 0;
  for (const char c : text) {
    if (c == '\n') {
      width = 0;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80) {
      longest = std::max(longest, ++width);
    }
  }
  return longest;
}

TEST(HeatMapTest, LeavesOutTheStrongestWordFirst) {
  const std::string picture = RenderHeatMap(WideMap(35), {.width = 80});

  EXPECT_THAT(picture, Not(HasSubstr("strongest")));
  EXPECT_THAT(picture, Not(HasSubstr("first")));
  EXPECT_LE(LongestLine(picture), 80);
}

TEST(HeatMapTest, LeavesOutKeysAndSaysSo) {
  const std::string picture = RenderHeatMap(WideMap(100), {.width = 80});

  EXPECT_THAT(picture, HasSubstr("first 37 of 100 keys; a terminal of 206 "
                                 "columns shows all\n"));
  EXPECT_LE(LongestLine(picture), 80);
}

TEST(HeatMapTest, ShowsAllKeysAtTheWidthThatTheNoteNames) {
  EXPECT_THAT(RenderHeatMap(WideMap(100), {.width = 206}),
              Not(HasSubstr("first")));
}

TEST(HeatMapTest, SurvivesATerminalOfOneColumn) {
  EXPECT_THAT(RenderHeatMap(WideMap(3), {.width = 1}),
              HasSubstr("first 1 of 3 keys"));
}

TEST(HeatMapTest, LeavesOutRowsAndSaysSo) {
  HeatMap map{.keys = {"k"}};
  for (int i = 0; i < 70; ++i) {
    map.queries.push_back(absl::StrCat(i));
    map.weights.push_back(1);
  }

  EXPECT_THAT(RenderHeatMap(map, {}), HasSubstr("first 64 of 70 queries"));
}

TEST(HeatMapTest, CutsLongLabels) {
  HeatMap map{
      .queries = {"counterrevolutionary"}, .keys = {"k"}, .weights = {1}};

  EXPECT_THAT(RenderHeatMap(map, {}), HasSubstr("counterrevo… │"));
}

TEST(HeatMapTest, AlignsLabelsOfSeveralBytesACharacter) {
  HeatMap map{
      .queries = {"føø", "abc"}, .keys = {"k"}, .weights = {1.0F, 1.0F}};

  EXPECT_THAT(RenderHeatMap(map, {}),
              HasSubstr("  føø │██│  k        100 %\n  abc │██│"));
}

TEST(HeatMapTest, MarksNotANumber) {
  HeatMap map{.queries = {"q"}, .keys = {"a", "b"}, .weights = {NAN, 1.0F}};

  EXPECT_THAT(RenderHeatMap(map, {}), HasSubstr("│ ?██│"));
}

TEST(HeatMapTest, DrawsNothingForZeros) {
  HeatMap map{.queries = {"q"}, .keys = {"a", "b"}, .weights = {0, 0}};

  EXPECT_THAT(RenderHeatMap(map, {}), HasSubstr("│    │  -\n"));
}

}  // namespace
}  // namespace attention
