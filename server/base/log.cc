#include "server/base/log.h"

#include <chrono>
#include <memory>
#include <type_traits>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace attention {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> logger;
  bool json = false;
};

LogState& State() {
  static LogState* const state = [] {
    auto* made = new LogState();
    made->logger = std::make_shared<spdlog::logger>(
        "attention", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    // The whole line is rendered here: text and JSON hold the same things.
    made->logger->set_pattern("%v");
    made->logger->flush_on(spdlog::level::trace);
    return made;
  }();
  return *state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return LogLevel::kDebug;
    case spdlog::level::info:
      return LogLevel::kInfo;
    case spdlog::level::warn:
      return LogLevel::kWarning;
    default:
      return LogLevel::kError;
  }
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string ToText(const LogField::Value& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>) {
          return v ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::string>) {
          // Control characters could forge a line, or move a cursor.
          const bool plain =
              !v.empty() && absl::c_all_of(v, [](unsigned char c) {
                return c > ' ' && c != '"' && c != '=' && c != 0x7F;
              });
          // JSON's quoting is what people expect of a quoted string.
          return plain ? v
                       : nlohmann::json(v).dump(
                             -1, ' ', false,
                             nlohmann::json::error_handler_t::replace);
        } else {
          return absl::StrCat(v);
        }
      },
      value);
}

}  // namespace

void ConfigureLog(const std::string& level, const std::string& format) {
  LogState& state = State();
  state.json = format == "json";
  state.logger->set_level(spdlog::level::from_str(level));
}

LogLevel GetLogLevel() { return FromSpdlog(State().logger->level()); }

void SetLogLevel(LogLevel level) { State().logger->set_level(ToSpdlog(level)); }

std::string GetLogFormat() { return State().json ? "json" : "text"; }

void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields) {
  LogState& state = State();
  if (!state.logger->should_log(ToSpdlog(level))) return;
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                            absl::UTCTimeZone());
  if (state.json) {
    nlohmann::ordered_json line;
    line["time"] = time;
    line["level"] = LevelName(level);
    line["event"] = std::string(event);
    for (const LogField& field : fields) {
      std::visit([&](const auto& v) { line[std::string(field.key)] = v; },
                 field.value);
    }
    state.logger->log(
        ToSpdlog(level), "{}",
        line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  std::string line = absl::StrCat(time, " ", LevelName(level), " ", event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=", ToText(field.value));
  }
  state.logger->log(ToSpdlog(level), "{}", line);
}

}  // namespace attention
