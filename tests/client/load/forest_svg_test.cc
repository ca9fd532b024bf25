// Proves that ratios are drawn on the right side of 1 and said in words.
#include "client/load/forest_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <vector>

#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// The horizontal places that `pattern` captures.
std::vector<double> Places(const std::string& svg, const std::string& pattern) {
  std::vector<double> places;
  const std::regex regex(pattern);
  for (std::sregex_iterator match(svg.begin(), svg.end(), regex), end;
       match != end; ++match) {
    places.push_back(std::stod((*match)[1]));
  }
  return places;
}

TEST(ForestSvgTest, RatiosAreOnTheirSideOfOne) {
  const std::string svg = ForestSvg(*ComparisonReport().comparison);

  const std::vector<double> one =
      Places(svg, "class=\"mark\" x1=\"([0-9.]+)\"");
  const std::vector<double> means = Places(svg, "cx=\"([0-9.]+)\"");
  ASSERT_THAT(one, SizeIs(3));
  ASSERT_THAT(means, SizeIs(3));
  EXPECT_GT(means[0], one[0]);    // 1.02
  EXPECT_LT(means[1], one[0]);    // 0.8
  EXPECT_GT(means[2], means[0]);  // 1.3
}

TEST(ForestSvgTest, SaysInWordsWhatItShows) {
  const std::string svg = ForestSvg(*ComparisonReport().comparison);

  EXPECT_THAT(svg, HasSubstr("1.02 (0.97 to 1.07): no difference shown"));
  EXPECT_THAT(svg, HasSubstr("0.80 (0.75 to 0.85): B is faster"));
  EXPECT_THAT(svg, HasSubstr("1.30 (1.20 to 1.40): B is slower"));
  EXPECT_THAT(svg, HasSubstr("p50: new:8001 is faster than old:8001"));
}

TEST(ForestSvgTest, NamesAreEscaped) {
  Comparison comparison = *ComparisonReport().comparison;
  comparison.a = comparison.b = comparison.ratios[0].name = "<script>";

  EXPECT_THAT(ForestSvg(comparison), Not(HasSubstr("<script>")));
}

}  // namespace
}  // namespace attention::load
