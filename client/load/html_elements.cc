// The elements that a page is put together from, all text escaped.
#include "client/load/html_elements.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace attention::load {

std::string HtmlText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

std::string ToHtml(const ReportTable& table) {
  const std::string caption = HtmlText(table.caption);
  // The focus lets a keyboard scroll it.
  std::string html = absl::StrCat(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"",
      caption, "\">\n<table>\n<caption>", caption, "</caption>\n");
  absl::StrAppend(&html, table.head.empty() ? "" : "<thead><tr>");
  for (const std::string& cell : table.head) {
    absl::StrAppend(&html, "<th scope=\"col\">", HtmlText(cell), "</th>");
  }
  absl::StrAppend(&html, table.head.empty() ? "" : "</tr></thead>\n",
                  "<tbody>\n");
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const bool is_marked = static_cast<int>(i) == table.marked_row;
    absl::StrAppend(&html, is_marked ? "<tr class=\"marked\">" : "<tr>");
    const char* element = "th";
    for (const std::string& cell : table.rows[i]) {
      absl::StrAppend(&html, "<", element,
                      element[1] == 'h' ? " scope=\"row\">" : ">",
                      HtmlText(cell), "</", element, ">");
      element = "td";
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody>\n</table>\n</div>\n");
}

std::string ToHtml(const std::vector<HtmlTile>& tiles) {
  std::string html = "<dl class=\"tiles\">\n";
  for (const HtmlTile& tile : tiles) {
    absl::StrAppend(&html, "<div><dt>", HtmlText(tile.name),
                    tile.is_bad ? "</dt><dd class=\"bad\">" : "</dt><dd>",
                    HtmlText(tile.value), "</dd><dd class=\"note\">",
                    HtmlText(tile.note), "</dd></div>\n");
  }
  return absl::StrCat(html, "</dl>\n");
}

}  // namespace attention::load
