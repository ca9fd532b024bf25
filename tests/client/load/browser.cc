// A real browser without a window.
#include "tests/client/load/browser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/client/run_command.h"

namespace attention::load {
namespace {

std::string FindBrowser() {
  const char* variable =
      std::getenv("ATTENTION_BROWSER");  // NOLINT(concurrency-mt-unsafe)
  // One that was asked for by name has to be there.
  if (variable != nullptr) {
    return variable;
  }
  return RunCommand("command -v chromium").exit_code == 0 ? "chromium" : "";
}

}  // namespace

Browser::Browser() : binary_(FindBrowser()), folder_(TempPath("browser")) {
  std::filesystem::create_directories(folder_);
}

Browser::~Browser() { std::filesystem::remove_all(folder_); }

std::string Browser::CommandOf(const std::string& html, int width,
                               int height) const {
  std::ofstream(folder_ + "/page.html", std::ios::binary) << html;
  // Containers have no sandbox, graphics or shared memory to speak of.
  return absl::StrCat(
      "timeout -k 5 60 ", Quoted(binary_),
      " --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage",
      " --no-first-run --disable-extensions --disable-background-networking",
      " --hide-scrollbars --enable-logging=stderr --user-data-dir=",
      Quoted(folder_ + "/profile"), " --window-size=", width, ",", height, " ",
      Quoted(absl::StrCat("file://", folder_, "/page.html")));
}

BrowserResult Browser::Open(const std::string& html, int width,
                            int height) const {
  const CommandResult result =
      RunCommand(absl::StrCat(CommandOf(html, width, height), " --dump-dom"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  BrowserResult opened = {.dom = result.out};
  for (const absl::string_view line : absl::StrSplit(result.err, '\n')) {
    if (absl::StrContains(line, ":CONSOLE")) {
      absl::StrAppend(&opened.console, line, "\n");
    }
  }
  return opened;
}

std::string Browser::Screenshot(const std::string& html, int width, int height,
                                bool is_dark) const {
  const std::string file = folder_ + "/screenshot.png";
  const CommandResult result = RunCommand(absl::StrCat(
      CommandOf(html, width, height), " --screenshot=", Quoted(file),
      " --blink-settings=preferredColorScheme=", is_dark ? 0 : 1));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::stringstream png;
  png << std::ifstream(file, std::ios::binary).rdbuf();
  std::filesystem::remove(file);
  return png.str();
}

}  // namespace attention::load
