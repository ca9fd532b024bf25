// Proves that elements of every type go from JSON to bytes, that what a type
// has not is refused, and that what is written reads back as it was.
#include "server/rest/json_elements.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace attention::oip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JsonElements Numbers(std::deque<double> values) {
  return {.values = std::move(values), .has_numbers = true};
}

template <typename T>
std::vector<T> Encoded(const std::string& datatype,
                       const JsonElements& elements) {
  const auto bytes = EncodeElements("x", datatype, elements);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  std::vector<T> values(bytes->size() / sizeof(T));
  std::memcpy(values.data(), bytes->data(), bytes->size());
  return values;
}

void ExpectRefused(const std::string& datatype, const JsonElements& elements,
                   const std::string& text) {
  const absl::Status status =
      EncodeElements("queries", datatype, elements).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("queries: " + text));
}

std::string Written(const std::vector<float>& values) {
  std::string text;
  EXPECT_TRUE(AppendElements("contexts", DType::kF32,
                             reinterpret_cast<const std::byte*>(values.data()),
                             static_cast<std::int64_t>(values.size()), text)
                  .ok());
  return text;
}

TEST(JsonElementsTest, EveryTypeThatJsonHas) {
  EXPECT_THAT(Encoded<float>("FP32", Numbers({0.5, -3, 16777217})),
              ElementsAre(0.5F, -3.0F, 16777216.0F));
  EXPECT_THAT(Encoded<std::int64_t>("INT64", Numbers({9007199254740991, -1})),
              ElementsAre(9007199254740991, -1));
  EXPECT_THAT(
      Encoded<std::int32_t>("INT32", Numbers({2147483647, -2147483647})),
      ElementsAre(2147483647, -2147483647));
  EXPECT_THAT(
      Encoded<std::uint8_t>("BOOL", {.values = {1, 0}, .has_booleans = true}),
      ElementsAre(1, 0));
  EXPECT_THAT(Encoded<float>("FP32", {}), ElementsAre());
}

TEST(JsonElementsTest, FloatsReachFromNothingToTheLargest) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // 3.4028235e38 is what the largest float is written as.
  EXPECT_THAT(
      Encoded<float>("FP32", Numbers({3.4028235e38, -3.4028235e38, 1e-300,
                                      kInfinity, -kInfinity})),
      ElementsAre(kMax, -kMax, 0.0F, std::numeric_limits<float>::infinity(),
                  -std::numeric_limits<float>::infinity()));
  ExpectRefused("FP32", Numbers({1e39, 0}), "element 1e+39 is no FP32");
  ExpectRefused("FP32", Numbers({-1e300}), "element -1e+300 is no FP32");
  // Half way to the next, which there is not.
  ExpectRefused("FP32", Numbers({0x1.ffffffp127}), "element 3.40282e+38");
}

TEST(JsonElementsTest, TypesThatJsonHasNotAreRefused) {
  for (const char* datatype : {"FP16", "BF16", "BYTES", "UINT8", "FP64", ""}) {
    ExpectRefused(datatype, Numbers({1}),
                  absl::StrCat("receiving \"", datatype,
                               "\" data via JSON is not supported"));
  }
}

TEST(JsonElementsTest, ValuesThatATypeHasNotAreRefused) {
  ExpectRefused("INT64", Numbers({1, 0.5}), "element 0.5 is no INT64");
  // Also what 9007199254740993 is read as.
  ExpectRefused("INT64", Numbers({9007199254740992}), "element 9.0072e+15");
  ExpectRefused("INT32", Numbers({2147483648}), "element 2.14748e+09");
  ExpectRefused("INT32", Numbers({std::nan("")}), "element nan is no INT32");
  ExpectRefused("BOOL", Numbers({1}), "datatype is BOOL, its elements are num");
  ExpectRefused("FP32", {.values = {1}, .has_booleans = true},
                "datatype is FP32, its elements are true and false");
}

TEST(JsonElementsTest, NumbersAreShortAndShowThatTheyAreFloats) {
  EXPECT_EQ(Written({0, 1, -2, 0.1F, 1e20F, 1.5e-7F}),
            "[0.0,1.0,-2.0,0.1,1e+20,1.5e-07]");
  EXPECT_EQ(Written({}), "[]");
  EXPECT_EQ(Written({std::nanf(""), std::numeric_limits<float>::infinity(),
                     -std::numeric_limits<float>::infinity()}),
            "[NaN,Infinity,-Infinity]");
}

TEST(JsonElementsTest, TypesOfOutputsThatJsonHasNotAreRefused) {
  std::string text;
  const absl::Status status =
      AppendElements("contexts", DType::kF16, nullptr, 0, text);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("contexts: sending FP16 data via JSON is not"));
}

// Every bit of a float survives its text, which stays within its limit.
TEST(JsonElementsTest, FloatsSurvive) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed=", seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const auto value =
        std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const std::string text = Written({value});
    ASSERT_LE(text.size(), 1 + kMaxElementCharacters) << text;
    const auto read =
        static_cast<float>(nlohmann::json::parse(text)[0].get<double>());
    ASSERT_EQ(std::bit_cast<std::uint32_t>(read),
              std::bit_cast<std::uint32_t>(value))
        << text;
  }
}

}  // namespace
}  // namespace attention::oip
