// A real browser without a window.
#ifndef TESTS_CLIENT_LOAD_BROWSER_H_
#define TESTS_CLIENT_LOAD_BROWSER_H_

#include <string>

namespace attention::load {

struct BrowserResult {
  std::string dom{};      // the document as it is after its scripts ran
  std::string console{};  // what they, and the browser, had to say about it
};

// Chromium, from the environment variable ATTENTION_BROWSER or the PATH. Its
// profile is temporary. Every call is a process of its own with a time limit.
class Browser {
 public:
  Browser();
  ~Browser();

  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // False when there is no browser.
  bool IsThere() const { return !binary_.empty(); }

  // Opens `html` in a window of `width` by `height` pixels.
  BrowserResult Open(const std::string& html, int width, int height) const;

  // A picture of it as PNG, as one who prefers dark pages sees it or not.
  std::string Screenshot(const std::string& html, int width, int height,
                         bool is_dark) const;

 private:
  std::string CommandOf(const std::string& html, int width, int height) const;

  std::string binary_;
  std::string folder_;
};

}  // namespace attention::load

#endif  // TESTS_CLIENT_LOAD_BROWSER_H_
