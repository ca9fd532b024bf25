// Looks at HTML reports in a real browser: nothing is cut off or overflows on a
// desk or a telephone, all charts are there, nothing is fetched or run, and the
// page is neither blank nor of the wrong brightness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/load/html_elements.h"
#include "client/load/html_report.h"
#include "tests/client/load/browser.h"
#include "tests/client/load/sample_reports.h"

namespace attention::load {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr int kDesk = 1280;
constexpr int kTelephone = 390;

struct Page {
  std::string name{};
  std::string html{};
  std::size_t charts = 0;
};

std::vector<Page> Pages() {
  Report invalid = StepReport();
  invalid.step->wrong = 2;
  invalid.step->invalid = {
      {"the client used 1.98 of 2 cores; use --threads or another machine"}};
  invalid.step->messages["<script>document.title = 'run'</script> " +
                         std::string(200, 'x')] = 3;
  invalid.command = std::string(300, 'y');
  return {{"step", HtmlReport(StepReport()), 3},
          {"sweep", HtmlReport(SweepReport()), 5},
          {"comparison", HtmlReport(ComparisonReport()), 2},
          {"invalid", HtmlReport(invalid), 3}};
}

// The page in a frame of `width`, which is narrower than windows can be.
std::string InFrame(const std::string& html, int width, int height) {
  return absl::StrCat("<iframe style=\"border:0;display:block\" width=", width,
                      " height=", height, " srcdoc=\"", HtmlText(html),
                      "\"></iframe>\n");
}

std::string Document(const std::string& body) {
  return absl::StrCat(
      "<!doctype html><meta charset=utf-8>"
      "<meta name=color-scheme content=\"light dark\">"
      "<body style=\"margin:0\">",
      body, "</body>");
}

// What `script` leaves in `result`, an object.
Json ResultOf(const Browser& browser, const std::string& body,
              const std::string& script) {
  const BrowserResult opened =
      browser.Open(Document(absl::StrCat(
                       body, "<pre id=result></pre><script>onload = () => {",
                       "const result = {};", script,
                       "document.getElementById('result').textContent = "
                       "btoa(JSON.stringify(result)); };</script>")),
                   kDesk, 1000);
  EXPECT_THAT(opened.console, IsEmpty());
  const std::string start = "<pre id=\"result\">";
  const std::size_t begin = opened.dom.find(start);
  std::string text;
  if (begin != std::string::npos) {
    const std::size_t end = opened.dom.find("</pre>", begin);
    EXPECT_TRUE(absl::Base64Unescape(
        opened.dom.substr(begin + start.size(), end - begin - start.size()),
        &text));
  }
  EXPECT_FALSE(text.empty()) << "the script did not end\n" << opened.dom;
  return text.empty() ? Json::object() : Json::parse(text);
}

// For each frame: how wide the content is, what is cut off, how large letters
// are; for each chart its size and how many labels of its axes touch another.
constexpr char kMeasure[] = R"js(
  const describe = (chart) => {
    const box = chart.getBoundingClientRect();
    const drawn = chart.getBBox();
    const ticks = [...chart.querySelectorAll('text.tick')].map((text) =>
        text.getBoundingClientRect());
    return {
      width: box.width,
      height: box.height,
      drawnWidth: drawn.width,
      drawnHeight: drawn.height,
      touching: ticks.filter((a, i) => ticks.slice(i + 1).some((b) =>
          a.left < b.right && b.left < a.right &&
          a.top < b.bottom && b.top < a.bottom)).length,
      title: chart.querySelector('title').textContent,
      description: chart.querySelector('desc').textContent,
    };
  };
  result.frames = [...document.querySelectorAll('iframe')].map((frame) => {
    const page = frame.contentDocument, root = page.documentElement;
    const isCutOff = (element) => {
      const box = element.getBoundingClientRect();
      return box.left < -0.5 || box.right > root.clientWidth + 0.5;
    };
    const texts = [...page.querySelectorAll('svg.chart text')];
    return {
      width: root.clientWidth,
      scrollWidth: root.scrollWidth,
      scripts: page.querySelectorAll('script').length,
      charts: [...page.querySelectorAll('svg.chart')].map(describe),
      cutOff: [...texts, ...page.querySelectorAll('h1, h2, h3, p, dd, li')]
          .filter(isCutOff).map((element) => element.textContent),
      smallestLetters: Math.min(...texts.map((text) =>
          text.getBoundingClientRect().height)),
    };
  });
)js";

// For each picture: its size, how many colours it has, and how bright it is.
constexpr char kLookAtPictures[] = R"js(
  result.pictures = [...document.querySelectorAll('img')].map((image) => {
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = new Map();
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      const colour = pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2];
      counts.set(colour, (counts.get(colour) || 0) + 1);
      sum += pixels[i] + pixels[i + 1] + pixels[i + 2];
    }
    return {
      width: canvas.width,
      height: canvas.height,
      colours: counts.size,
      largestShare: Math.max(...counts.values()) / (pixels.length / 4),
      brightness: sum / (pixels.length / 4) / 765,
    };
  });
)js";

void CheckCharts(const Json& frame, std::size_t count) {
  ASSERT_EQ(frame["charts"].size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    const Json& chart = frame["charts"][i];
    SCOPED_TRACE(chart["title"].get<std::string>());
    EXPECT_GE(chart["width"], 300);
    EXPECT_GE(chart["height"], 150);
    // In the chart's own units, of which it has 520 by about 300.
    EXPECT_GE(chart["drawnWidth"], 400);
    EXPECT_GE(chart["drawnHeight"], 180);
    EXPECT_EQ(chart["touching"], 0);
    EXPECT_FALSE(chart["title"].get<std::string>().empty());
    EXPECT_FALSE(chart["description"].get<std::string>().empty());
  }
}

class HtmlPageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!browser_.IsThere()) {
      GTEST_SKIP() << "no browser: install Debian's chromium, or name one in "
                      "ATTENTION_BROWSER";
    }
  }

  Browser browser_;
};

TEST_F(HtmlPageTest, FitsADeskAndATelephone) {
  const std::vector<Page> pages = Pages();
  std::string frames;
  for (const Page& page : pages) {
    absl::StrAppend(&frames, InFrame(page.html, kDesk, 900),
                    InFrame(page.html, kTelephone, 800));
  }
  const Json result = ResultOf(browser_, frames, kMeasure);

  ASSERT_EQ(result["frames"].size(), 2 * pages.size());
  for (std::size_t i = 0; i < 2 * pages.size(); ++i) {
    const Json& frame = result["frames"][i];
    SCOPED_TRACE(absl::StrCat(pages[i / 2].name, " ", frame["width"].dump()));
    EXPECT_EQ(frame["width"], i % 2 == 0 ? kDesk : kTelephone);
    EXPECT_LE(frame["scrollWidth"], frame["width"]);
    EXPECT_EQ(frame["cutOff"], Json::array());
    EXPECT_GE(frame["smallestLetters"], 11);
    EXPECT_EQ(frame["scripts"], 0);
    CheckCharts(frame, pages[i / 2].charts);
  }
}

TEST_F(HtmlPageTest, NothingIsFetchedOrRunEvenIfItGotIn) {
  const std::string html = absl::StrReplaceAll(
      HtmlReport(StepReport()),
      {{"</body>",
        "<img src=\"http://127.0.0.1:9/picture.png\">"
        "<script>document.body.textContent = 'script ran'</script></body>"}});
  const BrowserResult opened = browser_.Open(html, kDesk, 900);

  EXPECT_THAT(opened.console, HasSubstr("inline script violates"));
  EXPECT_THAT(opened.console, HasSubstr("picture.png"));
  EXPECT_THAT(opened.dom, HasSubstr("1,000 requests/s answered"));
}

TEST_F(HtmlPageTest, LooksRightInLightAndDark) {
  struct Look {
    int width = 0;
    bool is_dark = false;
    std::string name{};
  };
  const Look wanted[] = {{kDesk, false}, {kTelephone, false}, {kDesk, true}};
  constexpr int kHeight = 2400;
  // Where to keep the pictures for people to see.
  const char* folder =
      std::getenv("ATTENTION_SCREENSHOTS");  // NOLINT(concurrency-mt-unsafe)
  std::string images;
  std::vector<Look> looks;
  for (const Page& page : Pages()) {
    for (Look look : wanted) {
      look.name =
          absl::StrCat(page.name, "-", look.width, look.is_dark ? "-dark" : "");
      const std::string png =
          browser_.Screenshot(Document(InFrame(page.html, look.width, kHeight)),
                              look.width, kHeight, look.is_dark);
      ASSERT_THAT(png, StartsWith("\x89PNG")) << look.name;
      absl::StrAppend(&images, "<img src=\"data:image/png;base64,",
                      absl::Base64Escape(png), "\">");
      if (folder != nullptr) {
        std::ofstream(absl::StrCat(folder, "/", look.name, ".png"),
                      std::ios::binary)
            << png;
      }
      looks.push_back(look);
    }
  }
  const Json result = ResultOf(browser_, images, kLookAtPictures);

  ASSERT_EQ(result["pictures"].size(), looks.size());
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const Json& picture = result["pictures"][i];
    SCOPED_TRACE(absl::StrCat(looks[i].name, ": ", picture.dump()));
    EXPECT_EQ(picture["width"], looks[i].width);
    EXPECT_EQ(picture["height"], kHeight);
    // Text, lines and their smooth edges, on a background that is not all.
    EXPECT_GE(picture["colours"], 100);
    EXPECT_LE(picture["largestShare"], 0.9);
    if (looks[i].is_dark) {
      EXPECT_LE(picture["brightness"], 0.25);
    } else {
      EXPECT_GE(picture["brightness"], 0.85);
    }
  }
}

}  // namespace
}  // namespace attention::load
