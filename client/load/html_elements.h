// The elements that a page is put together from, all text escaped.
#ifndef CLIENT_LOAD_HTML_ELEMENTS_H_
#define CLIENT_LOAD_HTML_ELEMENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/load/report_table.h"

namespace attention::load {

// Text as HTML and SVG hold it, between elements and in quoted attributes.
std::string HtmlText(absl::string_view text);

// Scrolls by itself where the page is too narrow for it.
std::string ToHtml(const ReportTable& table);

// A figure of a page in large.
struct HtmlTile {
  std::string name{};
  std::string value{};
  std::string note{};
  bool is_bad = false;
};

std::string ToHtml(const std::vector<HtmlTile>& tiles);

}  // namespace attention::load

#endif  // CLIENT_LOAD_HTML_ELEMENTS_H_
