// Proves that text cannot become markup, and how tables and tiles are built.
#include "client/load/html_elements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attention::load {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HtmlElementsTest, TextCannotBecomeMarkup) {
  EXPECT_EQ(HtmlText("<a href=\"x\">'&amp;'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(HtmlText("plain \xc3\xa9"), "plain \xc3\xa9");
}

TEST(HtmlElementsTest, TablesNameColumnsAndRows) {
  const std::string html = ToHtml(ReportTable{
      .caption = "C", .head = {"", "p50"}, .rows = {{"A", "1"}, {"B", "2"}}});

  EXPECT_THAT(html, HasSubstr("<caption>C</caption>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\">p50</th>"));
  EXPECT_THAT(html, HasSubstr("<tr><th scope=\"row\">B</th><td>2</td></tr>"));
  EXPECT_THAT(html, Not(HasSubstr("marked")));
}

TEST(HtmlElementsTest, OneRowMayStandOut) {
  EXPECT_THAT(ToHtml(ReportTable{.rows = {{"A"}, {"B"}}, .marked_row = 1}),
              HasSubstr("<tr class=\"marked\"><th scope=\"row\">B</th></tr>"));
}

TEST(HtmlElementsTest, TablesNeedNoHead) {
  EXPECT_THAT(ToHtml(ReportTable{.rows = {{"A"}}}), Not(HasSubstr("<thead>")));
}

TEST(HtmlElementsTest, CellsAndTilesAreEscaped) {
  const std::string hostile = "\"><script>";
  EXPECT_THAT(ToHtml(ReportTable{
                  .caption = hostile, .head = {hostile}, .rows = {{hostile}}}) +
                  ToHtml(std::vector<HtmlTile>{{hostile, hostile, hostile}}),
              Not(HasSubstr("<script>")));
}

TEST(HtmlElementsTest, BadTilesStandOut) {
  EXPECT_THAT(ToHtml(std::vector<HtmlTile>{
                  {.name = "n", .value = "v", .is_bad = true}}),
              HasSubstr("<dd class=\"bad\">v</dd>"));
}

}  // namespace
}  // namespace attention::load
