#include "server/inference/log_settings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"
#include "server/base/log.h"

namespace attention::oip {
namespace {

using Value = ::inference::LogSettingsRequest::SettingValue;

// In the order of LogLevel: each holds all that come after it.
constexpr std::array<absl::string_view, 4> kSwitches = {
    "log_verbose_level", "log_info", "log_warning", "log_error"};
constexpr std::size_t kVerbose = 0;
constexpr std::size_t kError = 3;

constexpr absl::string_view kFile = "log_file";
constexpr absl::string_view kFormat = "log_format";

absl::Status Refuse(absl::string_view name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", why));
}

// Which levels may be the lowest that is written.
class LevelRange {
 public:
  void TurnOn(std::size_t level) { high_ = std::min(high_, level); }
  void TurnOff(std::size_t level) { low_ = std::max(low_, level + 1); }

  // The one that is closest to `current`.
  absl::StatusOr<LogLevel> Choose(LogLevel current) const {
    if (low_ > kError) {
      return Refuse(kSwitches[kError], "is always on, it cannot be turned off");
    }
    if (low_ > high_) {
      return Refuse(kSwitches[low_ - 1],
                    absl::StrCat("cannot be off where ", kSwitches[high_],
                                 " is on, which holds it"));
    }
    return static_cast<LogLevel>(
        std::clamp(static_cast<std::size_t>(current), low_, high_));
  }

 private:
  std::size_t low_ = kVerbose;
  std::size_t high_ = kError;
};

absl::StatusOr<bool> ReadSwitch(std::size_t level, const Value& value) {
  if (level == kVerbose) {
    if (value.has_uint32_param()) return value.uint32_param() > 0;
    return Refuse(kSwitches[level], "must be a uint32");
  }
  if (value.has_bool_param()) return value.bool_param();
  return Refuse(kSwitches[level], "must be a bool");
}

// A setting that was decided at the start may be said again.
absl::Status CheckDecided(absl::string_view name, const Value& value,
                          absl::string_view decided, absl::string_view why) {
  if (!value.has_string_param()) return Refuse(name, "must be a string");
  if (value.string_param() == decided) return absl::OkStatus();
  return Refuse(name, absl::StrCat("is ", Quote(decided), " and cannot become ",
                                   Quote(value.string_param()), "; ", why));
}

absl::Status ReadSetting(absl::string_view name, const Value& value,
                         LevelRange& range) {
  if (name == kFile) {
    return CheckDecided(name, value, "", "lines go to standard error");
  }
  if (name == kFormat) {
    return CheckDecided(name, value, GetLogFormat(),
                        "--log-format decides it when the server starts");
  }
  const auto* const found = std::find(kSwitches.begin(), kSwitches.end(), name);
  if (found == kSwitches.end()) {
    return Refuse(Quote(name), absl::StrCat("there is no such setting, but ",
                                            absl::StrJoin(kSwitches, ", "),
                                            ", ", kFile, ", ", kFormat));
  }
  const auto level = static_cast<std::size_t>(found - kSwitches.begin());
  ATTENTION_ASSIGN_OR_RETURN(const bool is_on, ReadSwitch(level, value));
  if (is_on) {
    range.TurnOn(level);
  } else {
    range.TurnOff(level);
  }
  return absl::OkStatus();
}

void DescribeSettings(::inference::LogSettingsResponse& response) {
  auto& settings = *response.mutable_settings();
  const auto lowest = static_cast<std::size_t>(GetLogLevel());
  for (std::size_t level = kVerbose; level <= kError; ++level) {
    auto& to = settings[std::string(kSwitches[level])];
    if (level == kVerbose) {
      to.set_uint32_param(lowest == kVerbose ? 1 : 0);
    } else {
      to.set_bool_param(level >= lowest);
    }
  }
  settings[std::string(kFile)].set_string_param("");
  settings[std::string(kFormat)].set_string_param(GetLogFormat());
}

}  // namespace

absl::Status ApplyLogSettings(const InferenceContext& context,
                              absl::string_view peer,
                              const ::inference::LogSettingsRequest& request,
                              ::inference::LogSettingsResponse& response) {
  if (!request.settings().empty()) {
    ATTENTION_RETURN_IF_ERROR(context.CheckControl("changing the log", peer));
  }
  LevelRange range;
  for (const auto& [name, value] : request.settings()) {
    ATTENTION_RETURN_IF_ERROR(ReadSetting(name, value, range));
  }
  ATTENTION_ASSIGN_OR_RETURN(const LogLevel level, range.Choose(GetLogLevel()));
  // A request that only asks is no change.
  if (level != GetLogLevel()) SetLogLevel(level);
  DescribeSettings(response);
  return absl::OkStatus();
}

}  // namespace attention::oip
