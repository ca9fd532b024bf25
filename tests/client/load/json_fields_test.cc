// Proves that broken and misleading JSON is refused with its place, and that
// fields are checked for type and range without a crash.
#include "client/load/json_fields.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention::load {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Refusal(const std::string& text) {
  const auto object = ParseObject(text);
  EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(object.status().message());
}

TEST(ParseObjectTest, SaysWhereJsonIsBroken) {
  EXPECT_THAT(Refusal("{\n  \"a\": 1,\n  \"b\" true\n}"),
              AllOf(HasSubstr("line 3, column 10"), HasSubstr("expected ':'")));
  EXPECT_THAT(Refusal(""), HasSubstr("line 1"));
  EXPECT_THAT(Refusal("{} x"), HasSubstr("column 4"));
}

TEST(ParseObjectTest, SaysItPrintablyAndBriefly) {
  const std::string message = Refusal("{\"a\": \"\n" + std::string(5000, 'x'));
  EXPECT_LT(message.size(), 400U);
  for (const std::string text : {"\x1b[2J", "\xff\xfe{}", "{\"\x80\": 1}"}) {
    for (const char c : Refusal(text)) {
      EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
    }
  }
}

TEST(ParseObjectTest, RefusesWhatIsNotAnObject) {
  EXPECT_THAT(Refusal("[1]"), HasSubstr("array, must be an object"));
  EXPECT_THAT(Refusal("12"), HasSubstr("number, must be an object"));
}

TEST(ParseObjectTest, RefusesNumbersThatDoNotFit) {
  EXPECT_THAT(Refusal("{\"a\": 1e999}"), HasSubstr("1e999"));
}

TEST(ParseObjectTest, RefusesAFieldThatIsThereTwice) {
  EXPECT_THAT(Refusal(R"({"a": 1, "b": {"a": 2, "a": 3}})"),
              HasSubstr("field \"a\" is there twice"));
  // The same name elsewhere is another field.
  EXPECT_TRUE(ParseObject(R"({"a": [{"a": 1}, {"a": 1}]})").ok());
}

TEST(ParseObjectTest, RefusesDeepNesting) {
  EXPECT_THAT(Refusal(R"({"a": )" + std::string(100000, '[')),
              testing::Not(testing::IsEmpty()));
  EXPECT_THAT(Refusal(R"({"a": )" + std::string(1000, '[') +
                      std::string(1000, ']') + "}"),
              HasSubstr("deeper than 16 levels"));
}

class JsonFieldsTest : public ::testing::Test {
 protected:
  // The first complaint of `read`, empty when there is none.
  template <typename Read>
  std::string Complaint(const std::string& text, Read read) {
    const nlohmann::json object = ParseObject(text).value();
    absl::Status status;
    JsonFields fields(object, "mixes[1]", status);
    read(fields);
    return std::string(status.message());
  }

  std::string OfInteger(const std::string& json) {
    return Complaint("{\"batch\": " + json + "}", [this](JsonFields& fields) {
      fields.ReadInteger("batch", 1, 9, integer_);
    });
  }

  std::int64_t integer_ = 5;
};

TEST_F(JsonFieldsTest, ReadsIntegersOfItsRangeOnly) {
  EXPECT_EQ(OfInteger("9"), "");
  EXPECT_EQ(integer_, 9);
  EXPECT_EQ(OfInteger("1"), "");
  EXPECT_EQ(integer_, 1);
  for (const std::string json :
       {"0", "10", "-3", "2.0", "\"2\"", "true", "null", "18446744073709551615",
        "9223372036854775808"}) {
    EXPECT_EQ(OfInteger(json), "mixes[1].batch is " + json +
                                   ", must be a whole number from 1 to 9");
  }
  EXPECT_EQ(OfInteger("[]"),
            "mixes[1].batch is array, must be a whole number from 1 to 9");
  EXPECT_EQ(integer_, 1);
}

TEST_F(JsonFieldsTest, ReadsNumbersOfItsRangeOnly) {
  double number = 0.5;
  const auto read = [&number](JsonFields& fields) {
    fields.ReadNumber("mean", 1, 8, number);
  };
  EXPECT_EQ(Complaint("{}", read), "");
  EXPECT_EQ(number, 0.5);
  EXPECT_EQ(Complaint(R"({"mean": 2.5})", read), "");
  EXPECT_EQ(number, 2.5);
  EXPECT_EQ(Complaint(R"({"mean": -3})", read),
            "mixes[1].mean is -3, must be at least 1");
  EXPECT_EQ(Complaint(R"({"mean": 9})", read),
            "mixes[1].mean is 9, must be a number from 1 to 8");
  EXPECT_EQ(Complaint(R"({"mean": "x"})", read),
            "mixes[1].mean is \"x\", must be a number from 1 to 8");
}

TEST_F(JsonFieldsTest, ReadsBooleansTextsAndWords) {
  bool boolean = false;
  std::string text;
  std::optional<int> word;
  const auto read = [&](JsonFields& fields) {
    fields.ReadBoolean("packed", boolean);
    fields.ReadText("name", 4, text);
    fields.ReadWord<int>("dtype", {{"f32", 32}, {"f16", 16}}, word);
  };
  EXPECT_EQ(
      Complaint(R"({"packed": true, "name": "abcd", "dtype": "f16"})", read),
      "");
  EXPECT_TRUE(boolean);
  EXPECT_EQ(text, "abcd");
  EXPECT_EQ(word, 16);
  EXPECT_EQ(Complaint(R"({"packed": 1})", read),
            "mixes[1].packed is 1, must be true or false");
  EXPECT_EQ(Complaint(R"({"dtype": "f64"})", read),
            "mixes[1].dtype is \"f64\", must be one of f32, f16");
  EXPECT_EQ(Complaint(R"({"dtype": 16})", read),
            "mixes[1].dtype is 16, must be one of f32, f16");
  for (const char* name :
       {R"("")", R"("abcde")", R"("a\nb")", "3", R"("a\u0000")"}) {
    EXPECT_THAT(Complaint(std::string("{\"name\": ") + name + "}", read),
                HasSubstr("must be a text of 1 to 4 bytes"));
  }
}

TEST_F(JsonFieldsTest, NamesAnUnknownFieldAndThoseThatAreKnown) {
  EXPECT_EQ(Complaint(R"({"btach": 3})",
                      [this](JsonFields& fields) {
                        fields.ReadInteger("batch", 1, 9, integer_);
                        fields.Has("model");
                        fields.RefuseOthers();
                      }),
            "mixes[1] has \"btach\", known are batch, model");
}

TEST_F(JsonFieldsTest, KeepsTheFirstComplaint) {
  EXPECT_EQ(Complaint(R"({"batch": 0, "x": 1})",
                      [this](JsonFields& fields) {
                        fields.ReadInteger("batch", 1, 9, integer_);
                        fields.RefuseOthers();
                      }),
            "mixes[1].batch is 0, must be a whole number from 1 to 9");
}

}  // namespace
}  // namespace attention::load
