// Proves that Triton's settings turn the levels of the log on and off as far
// as levels that hold each other can, that the rest is refused, and that a
// refused request changes nothing.
#include "server/inference/log_settings.h"

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/log.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::inference::LogSettingsRequest;
using ::inference::LogSettingsResponse;
using ::testing::HasSubstr;

class LogSettingsTest : public ::testing::Test {
 protected:
  LogSettingsTest() { SetLogLevel(LogLevel::kInfo); }
  ~LogSettingsTest() override { SetLogLevel(LogLevel::kInfo); }
};

LogSettingsRequest Switch(const std::map<std::string, bool>& switches) {
  LogSettingsRequest request;
  for (const auto& [name, is_on] : switches) {
    (*request.mutable_settings())[name].set_bool_param(is_on);
  }
  return request;
}

LogSettingsRequest Verbose(std::uint32_t level) {
  LogSettingsRequest request;
  (*request.mutable_settings())["log_verbose_level"].set_uint32_param(level);
  return request;
}

LogSettingsRequest Text(const std::string& name, const std::string& value) {
  LogSettingsRequest request;
  (*request.mutable_settings())[name].set_string_param(value);
  return request;
}

// "verbose info warning error" as 0 and 1, and the two strings.
std::string Apply(const LogSettingsRequest& request) {
  LogSettingsResponse response;
  const Catalog catalog;
  const absl::Status status =
      ApplyLogSettings(catalog.context(), "127.0.0.1", request, response);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(response.settings_size(), 0);
    return std::string(status.message());
  }
  EXPECT_EQ(response.settings_size(), 6);
  const auto& settings = response.settings();
  return absl::StrCat(settings.at("log_verbose_level").uint32_param(),
                      settings.at("log_info").bool_param() ? 1 : 0,
                      settings.at("log_warning").bool_param() ? 1 : 0,
                      settings.at("log_error").bool_param() ? 1 : 0, " '",
                      settings.at("log_file").string_param(), "' ",
                      settings.at("log_format").string_param());
}

TEST_F(LogSettingsTest, ARequestWithoutSettingsAsksForAll) {
  EXPECT_EQ(Apply({}), "0111 '' text");
  SetLogLevel(LogLevel::kDebug);
  EXPECT_EQ(Apply({}), "1111 '' text");
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Apply({}), "0001 '' text");
}

TEST_F(LogSettingsTest, TurningALevelOnTurnsOnWhatItHolds) {
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Apply(Switch({{"log_warning", true}})), "0011 '' text");
  EXPECT_EQ(GetLogLevel(), LogLevel::kWarning);
  EXPECT_EQ(Apply(Verbose(1)), "1111 '' text");
  EXPECT_EQ(GetLogLevel(), LogLevel::kDebug);
}

TEST_F(LogSettingsTest, TurningALevelOffTurnsOffWhatHoldsIt) {
  SetLogLevel(LogLevel::kDebug);
  EXPECT_EQ(Apply(Verbose(0)), "0111 '' text");
  EXPECT_EQ(Apply(Switch({{"log_warning", false}})), "0001 '' text");
}

TEST_F(LogSettingsTest, WhatIsSaidAlreadyChangesNothing) {
  EXPECT_EQ(Apply(Switch({{"log_error", true}})), "0111 '' text");
  EXPECT_EQ(Apply(Verbose(0)), "0111 '' text");
  EXPECT_EQ(Apply(Text("log_file", "")), "0111 '' text");
  EXPECT_EQ(Apply(Text("log_format", "text")), "0111 '' text");
}

TEST_F(LogSettingsTest, VerboseLevelsAboveOneAreOne) {
  EXPECT_EQ(Apply(Verbose(7)), "1111 '' text");
}

TEST_F(LogSettingsTest, AllSettingsOfAnAnswerMayBeSentBack) {
  const Catalog catalog;
  LogSettingsResponse response;
  ASSERT_TRUE(
      ApplyLogSettings(catalog.context(), "127.0.0.1", {}, response).ok());
  LogSettingsRequest request;
  ASSERT_TRUE(request.ParseFromString(response.SerializeAsString()));
  EXPECT_EQ(request.settings_size(), 6);
  EXPECT_EQ(Apply(request), "0111 '' text");
}

TEST_F(LogSettingsTest, ClientsElsewhereMayOnlyLook) {
  const Catalog catalog;
  LogSettingsResponse response;
  EXPECT_EQ(
      ApplyLogSettings(catalog.context(), "10.0.0.1", Verbose(1), response),
      absl::PermissionDeniedError(
          "changing the log: only for clients on the server's machine, "
          "not from 10.0.0.1; --model-control any lets them"));
  EXPECT_EQ(GetLogLevel(), LogLevel::kInfo);
  EXPECT_TRUE(
      ApplyLogSettings(catalog.context(), "10.0.0.1", {}, response).ok());
  EXPECT_EQ(response.settings_size(), 6);
}

TEST_F(LogSettingsTest, LevelsThatHoldEachOtherCannotDiffer) {
  EXPECT_EQ(Apply(Switch({{"log_info", true}, {"log_warning", false}})),
            "log_warning: cannot be off where log_info is on, which holds it");
  EXPECT_EQ(Apply(Switch({{"log_error", false}})),
            "log_error: is always on, it cannot be turned off");
}

TEST_F(LogSettingsTest, WhatTheStartDecidesIsRefused) {
  EXPECT_EQ(Apply(Text("log_file", "/tmp/x\n")),
            "log_file: is \"\" and cannot become \"/tmp/x\\n\"; lines go to "
            "standard error");
  EXPECT_EQ(Apply(Text("log_format", "ISO8601")),
            "log_format: is \"text\" and cannot become \"ISO8601\"; "
            "--log-format decides it when the server starts");
}

TEST_F(LogSettingsTest, ValuesHaveTheirTypes) {
  EXPECT_EQ(Apply(Text("log_info", "yes")), "log_info: must be a bool");
  EXPECT_EQ(Apply(Switch({{"log_verbose_level", true}})),
            "log_verbose_level: must be a uint32");
  EXPECT_EQ(Apply(Switch({{"log_file", true}})), "log_file: must be a string");
  LogSettingsRequest empty;
  (*empty.mutable_settings())["log_info"];
  EXPECT_EQ(Apply(empty), "log_info: must be a bool");
}

TEST_F(LogSettingsTest, UnknownSettingsAreRefused) {
  EXPECT_EQ(Apply(Switch({{"log_everything", true}})),
            "\"log_everything\": there is no such setting, but "
            "log_verbose_level, log_info, log_warning, log_error, log_file, "
            "log_format");
}

TEST_F(LogSettingsTest, ARefusedRequestChangesNothing) {
  LogSettingsRequest request = Verbose(1);
  (*request.mutable_settings())["log_file"].set_string_param("/tmp/x");
  EXPECT_THAT(Apply(request), HasSubstr("log_file"));
  EXPECT_EQ(GetLogLevel(), LogLevel::kInfo);
}

}  // namespace
}  // namespace attention::oip
