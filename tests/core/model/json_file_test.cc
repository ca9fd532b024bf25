// Proves that JSON files beside a model are read, and that everything wrong
// with them is said with their path.
#include "core/model/json_file.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/model/model_directory.h"

namespace attention {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(JsonFileTest, ReadsPositiveIntegers) {
  const JsonFile file =
      ParseJsonObject("c.json", R"({"n":12,"max":9223372036854775807})")
          .value();
  EXPECT_EQ(file.GetCount("n").value(), 12);
  EXPECT_EQ(file.GetCount("max").value(), 9223372036854775807);
  EXPECT_EQ(file.GetCount("none").value(), std::nullopt);
  EXPECT_EQ(file.RequireCount("n").value(), 12);
}

TEST(JsonFileTest, RefusesEverythingElseAsACount) {
  const JsonFile file = ParseJsonObject("c.json", R"({"zero":0,"negative":-1,
    "float":1.5,"text":"12","large":9223372036854775808,"null":null,"list":[1]})")
                            .value();
  for (const char* key :
       {"zero", "negative", "float", "text", "large", "null", "list"}) {
    const absl::Status status = file.GetCount(key).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << key;
    EXPECT_EQ(std::string(status.message()),
              std::string("c.json: ") + key + " must be a positive integer");
  }
  EXPECT_EQ(std::string(file.RequireCount("none").status().message()),
            "c.json: has no none");
}

TEST(JsonFileTest, RefusesWhatIsNoJsonObject) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{\"a\":\"\xff\"}"),
        std::string("{} {}"), std::string(1'000'000, '[')}) {
    const absl::Status status = ParseJsonObject("c.json", text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("c.json: is not valid UTF-8 JSON"));
  }
  EXPECT_THAT(std::string(ParseJsonObject("c.json", "[1]").status().message()),
              HasSubstr("not an object"));
}

TEST(JsonFileTest, ErrorsOfAFileBeginWithItsPath) {
  const ModelDirectory directory;
  directory.Write("broken.json", "{");
  for (const char* name : {"broken.json", "missing.json", "."}) {
    const std::string path = directory.PathOf(name);
    EXPECT_THAT(std::string(ReadJsonFile(path).status().message()),
                StartsWith(path + ": "));
  }
}

}  // namespace
}  // namespace attention
