// Proves that JSON is read within limits, that the elements of tensors come out
// of it whatever is around them, and which numbers JSON has that are none.
#include "server/rest/json_body.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention::oip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string Repeat(int count, const std::string& text) {
  std::string repeated;
  for (int i = 0; i < count; ++i) repeated += text;
  return repeated;
}

std::string Input(const std::string& data) {
  return absl::StrCat(R"({"inputs":[{"name":"x","data":)", data, "}]}");
}

void ExpectRefused(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST(JsonBodyTest, AnEmptyTextIsAnEmptyObject) {
  EXPECT_EQ(ParseJsonBody("")->dump(), "{}");
  EXPECT_EQ(ParseJsonBody(R"({"a":[1,{"b":null}]})")->dump(),
            R"({"a":[1,{"b":null}]})");
}

TEST(JsonBodyTest, WhatIsNoObjectIsRefused) {
  for (const char* text :
       {"{", "{]", "{\"a\":1}x", "\"", "{\"a\":\"\xff\"}", "{a:1}", "nul"}) {
    ExpectRefused(ParseJsonBody(text).status(), "is not valid UTF-8 JSON");
    ExpectRefused(ParseInferJson(text).status(), "is not valid UTF-8 JSON");
  }
  for (const char* text : {"1", "[]", "null", "\"a\""}) {
    ExpectRefused(ParseJsonBody(text).status(), "but not an object");
  }
  ExpectRefused(ParseInferJson("").status(), "is not valid UTF-8 JSON");
}

TEST(JsonBodyTest, NumbersThatNoDoubleIsAreRefused) {
  for (const char* text : {R"({"a":1e400})", R"({"a":-1e309})",
                           R"({"inputs":[{"data":[1e309]}]})"}) {
    ExpectRefused(ParseJsonBody(text).status(),
                  "a number beyond 1.7976931348623157e308");
    ExpectRefused(ParseInferJson(text).status(),
                  "a number beyond 1.7976931348623157e308");
  }
}

TEST(JsonBodyTest, DepthHasALimit) {
  const auto nested = [](int levels) {
    return absl::StrCat(R"({"a":)", Repeat(levels, "["), Repeat(levels, "]"),
                        "}");
  };
  EXPECT_TRUE(ParseJsonBody(nested(kMaxJsonDepth - 1)).ok());
  ExpectRefused(ParseJsonBody(nested(kMaxJsonDepth)).status(),
                "nested more than 32 levels deep");
  ExpectRefused(ParseJsonBody(Repeat(1000000, "[")).status(),
                "nested more than 32 levels deep");
  ExpectRefused(
      ParseInferJson(Input(Repeat(30, "[") + "1" + Repeat(30, "]"))).status(),
      "nested more than 32 levels deep");
}

TEST(JsonBodyTest, ValuesHaveALimitAndElementsHaveNot) {
  // The body, its key, the array and its values.
  const auto values = [](int count) {
    return absl::StrCat(R"({"a":[)", Repeat(count - 1, "0,"), "0]}");
  };
  EXPECT_TRUE(ParseJsonBody(values(kMaxJsonValues - 3)).ok());
  ExpectRefused(ParseJsonBody(values(kMaxJsonValues - 2)).status(),
                "more than 65536 keys and values");

  const auto body = ParseInferJson(Input("[" + Repeat(99999, "0,") + "0]"));
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->data[0].values.size(), 100000U);
}

TEST(JsonBodyTest, BytesHaveALimit) {
  const std::string spaces(kMaxJsonBytes - 1, ' ');
  EXPECT_TRUE(ParseInferJson(spaces.substr(1) + "{}").ok());
  ExpectRefused(ParseInferJson(spaces + "{}").status(),
                "send tensors as binary data");
  const std::string fewer(kMaxControlBytes - 1, ' ');
  EXPECT_TRUE(ParseJsonBody(fewer.substr(1) + "{}").ok());
  ExpectRefused(ParseJsonBody(fewer + "{}").status(),
                "body: JSON of 1048577 bytes, 1048576 are allowed");
}

TEST(JsonBodyTest, QuotationMarksThatNanNeedsDoNotCount) {
  const std::string values =
      Repeat(static_cast<int>(kMaxJsonBytes / 5), "NaN ,") + "NaN";
  const std::string text = Input("[" + values.substr(100) + "]");
  ASSERT_LE(text.size(), kMaxJsonBytes);
  const auto body = ParseInferJson(text);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->data[0].values.size(), kMaxJsonBytes / 5 - 19);
}

TEST(JsonBodyTest, ElementsComeFlatOrNested) {
  for (const char* data : {"[1,2.5,-3,4]", "[[1,2.5],[-3,4]]",
                           "[[[1],[2.5]],[[-3],[4]]]", "[[],[1,2.5,[-3]],4]"}) {
    const auto body = ParseInferJson(Input(data));
    ASSERT_TRUE(body.ok()) << body.status();
    ASSERT_EQ(body->data.size(), 1U);
    EXPECT_THAT(body->data[0].values, ElementsAre(1, 2.5, -3, 4)) << data;
    EXPECT_TRUE(body->data[0].has_numbers);
    EXPECT_FALSE(body->data[0].has_booleans);
  }
  EXPECT_THAT(ParseInferJson(Input("[]"))->data[0].values, IsEmpty());
  const auto booleans = ParseInferJson(Input("[true,[false]]"));
  EXPECT_THAT(booleans->data[0].values, ElementsAre(1, 0));
  EXPECT_FALSE(booleans->data[0].has_numbers);
}

TEST(JsonBodyTest, EachInputHasItsElements) {
  const auto body =
      ParseInferJson(R"({"data":[7],"parameters":{"data":[8]},"inputs":[)"
                     R"({"data":[1],"name":"a","parameters":{"data":"d"}},)"
                     R"({"name":"b"},{"name":"c","data":[2,3]}],)"
                     R"("outputs":[{"data":[9]}]})");

  ASSERT_TRUE(body.ok()) << body.status();
  const auto& inputs = body->object["inputs"];
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_THAT(body->data[inputs[0]["data"].get<std::size_t>()].values,
              ElementsAre(1));
  EXPECT_FALSE(inputs[1].contains("data"));
  EXPECT_THAT(body->data[inputs[2]["data"].get<std::size_t>()].values,
              ElementsAre(2, 3));
  // What is not of an input is as it was.
  EXPECT_EQ(body->object["data"].dump(), "[7]");
  EXPECT_EQ(body->object["outputs"][0]["data"].dump(), "[9]");
  EXPECT_EQ(body->object["parameters"]["data"].dump(), "[8]");
}

TEST(JsonBodyTest, OfWhatIsThereTwiceTheLastCounts) {
  const auto body = ParseInferJson(
      R"({"inputs":[{"data":[1]}],"inputs":[{"data":[2],"data":[3]}]})");

  ASSERT_TRUE(body.ok()) << body.status();
  const auto index = body->object["inputs"][0]["data"].get<std::size_t>();
  EXPECT_THAT(body->data[index].values, ElementsAre(3));
}

TEST(JsonBodyTest, ListsInPlaceOfInputsHaveNoElements) {
  const auto body =
      ParseInferJson(R"({"inputs":[{"data":[1]},[[5,6]],[["data",[7]]]]})");

  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->data.size(), 1U);
  EXPECT_EQ(body->object["inputs"][1].dump(), "[[5,6]]");
}

TEST(JsonBodyTest, DataThatIsNoArrayOfNumbersIsRefused) {
  for (const char* data :
       {"0", "\"a\"", "null", "true", "{}", R"({"a":[1]})"}) {
    ExpectRefused(ParseInferJson(Input(data)).status(),
                  "Unable to parse 'data', it must be an array");
  }
  for (const char* data : {"[null]", "[\"1\"]", "[{}]", "[1,{\"a\":2}]",
                           "[\"nan\"]", "[[1],[\"\"]]"}) {
    ExpectRefused(ParseInferJson(Input(data)).status(),
                  "its elements must be numbers");
  }
}

TEST(JsonBodyTest, NanAndInfinityAreNumbersOfData) {
  for (const char* data :
       {"[NaN,Infinity,-Infinity,1]", R"(["NaN","Infinity","-Infinity",1])",
        R"([ NaN , [ "Infinity" ] , -Infinity , 1])"}) {
    const auto body = ParseInferJson(Input(data));
    ASSERT_TRUE(body.ok()) << body.status();
    const auto& values = body->data[0].values;
    ASSERT_EQ(values.size(), 4U) << data;
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_EQ(values[1], kInfinity);
    EXPECT_EQ(values[2], -kInfinity);
    EXPECT_EQ(values[3], 1);
  }
}

TEST(JsonBodyTest, StringsKeepTheirText) {
  const auto body = ParseInferJson(
      R"({"id":"NaN \"Infinity\\","inputs":[{"data":[NaN]}],"b":"\"NaN"})");

  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->object["id"], "NaN \"Infinity\\");
  EXPECT_EQ(body->object["b"], "\"NaN");
}

TEST(JsonBodyTest, HalfANameIsNone) {
  for (const char* data :
       {"[Na]", "[-NaN]", "[Infinit]", "[NaNNaN]", "[+Infinity]", "[inf]"}) {
    ExpectRefused(ParseInferJson(Input(data)).status(), "is not valid");
  }
}

}  // namespace
}  // namespace attention::oip
