// Proves that element counts are right or refused, at the limits above all.
#include "core/tensor/shape.h"

#include <cstdint>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(ShapeTest, CountsElements) {
  EXPECT_EQ(Shape({2, 7, 384}).ElementCount().value(), 5376);
  EXPECT_EQ(Shape().ElementCount().value(), 1);
  EXPECT_EQ(Shape({3, 0, 5}).ElementCount().value(), 0);
}

TEST(ShapeTest, CountsUpToTheLargestNumberAndRefusesOneMore) {
  EXPECT_EQ(Shape({kMax}).ElementCount().value(), kMax);
  EXPECT_EQ(Shape({1, kMax, 1}).ElementCount().value(), kMax);
  // 2^62 * 2 = 2^63, the first number that does not fit.
  const absl::Status status =
      Shape({std::int64_t{1} << 62, 2}).ElementCount().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2^63 - 1"));
}

TEST(ShapeTest, AZeroDoesNotHideAnOverflow) {
  EXPECT_FALSE(Shape({kMax, kMax, 0}).ElementCount().ok());
  EXPECT_FALSE(Shape({0, kMax, kMax}).ElementCount().ok());
}

TEST(ShapeTest, RefusesNegativeDimensions) {
  const absl::Status status = Shape({2, -1}).ElementCount().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("[2, -1]"));
}

TEST(ShapeTest, PrintsItsDimensions) {
  EXPECT_EQ(Shape({2, 7, 384}).ToString(), "[2, 7, 384]");
  EXPECT_EQ(Shape().ToString(), "[]");
}

}  // namespace
}  // namespace attention
