// What the terminal behind stdout can show.
#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace attention {
namespace {

constexpr int kWidthOfAFile = 120;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

int Width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  int columns = 0;
  if (absl::SimpleAtoi(Environment("COLUMNS"), &columns) && columns > 0) {
    return columns;
  }
  return kWidthOfAFile;
}

ColorDepth Depth() {
  const std::string color = Environment("COLORTERM");
  return color == "truecolor" || color == "24bit" ? ColorDepth::kTrueColor
                                                  : ColorDepth::k256;
}

bool WantsColor(ColorMode mode) {
  if (mode != ColorMode::kAuto) {
    return mode == ColorMode::kAlways;
  }
  return isatty(STDOUT_FILENO) == 1 && Environment("NO_COLOR").empty() &&
         Environment("TERM") != "dumb";
}

// The first of these that is set decides; containers set none and mean UTF-8.
bool IsAsciiLocale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = absl::AsciiStrToLower(Environment(name));
    if (!locale.empty()) {
      return !absl::StrContains(locale, "utf-8") &&
             !absl::StrContains(locale, "utf8");
    }
  }
  return false;
}

}  // namespace

HeatMapStyle StyleOfStdout(ColorMode mode) {
  return {.color = WantsColor(mode) ? Depth() : ColorDepth::kNone,
          .width = Width(),
          .ascii = IsAsciiLocale()};
}

}  // namespace attention
