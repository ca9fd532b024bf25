// One line an event, for people (text) or machines (JSON), on stderr.
//
//   2026-01-31T12:00:00.123Z info ready grpc_port=8001 seconds=0.21
//   {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"ready", ...}
#ifndef SERVER_BASE_LOG_H_
#define SERVER_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace attention {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One `key=value` of a line.
struct LogField {
  using Value = std::variant<std::int64_t, double, bool, std::string>;

  absl::string_view key;
  Value value;
};

// `level` and `format` as in ServerOptions, which has checked them. Not
// thread-safe: once, before there are threads. Until then: info, text.
void ConfigureLog(const std::string& level, const std::string& format);

// The lowest level that is written. Thread-safe.
LogLevel GetLogLevel();
void SetLogLevel(LogLevel level);

// "text" or "json". Thread-safe.
std::string GetLogFormat();

// Thread-safe. `event` is a few lower-case words joined by underscores.
void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields);

}  // namespace attention

#endif  // SERVER_BASE_LOG_H_
