// Text for a terminal of 80 columns: tables, and paragraphs.
#include "client/load/text_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace attention::load {
namespace {

constexpr std::size_t kColumns = 80;
// Where the text of a paragraph begins.
constexpr std::size_t kTextColumn = 14;

bool BeginsCharacter(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

// Of UTF-8 text.
std::size_t Width(absl::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), BeginsCharacter));
}

std::string WithoutControls(absl::string_view text) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto c = static_cast<unsigned char>(result[i]);
    // U+0080 to U+009F, whose bytes are C2 80 to C2 9F, are controls as well.
    const auto next =
        static_cast<unsigned char>(i + 1 < result.size() ? result[i + 1] : 0);
    const bool is_c1 = c == 0xC2 && next >= 0x80 && next < 0xA0;
    if (is_c1) {
      result[i + 1] = ' ';
    }
    if (c < 0x20 || c == 0x7F || is_c1) {
      result[i] = ' ';
    }
  }
  return result;
}

// Takes at most `width` columns off the front of `word`.
std::string TakeColumns(absl::string_view& word, std::size_t width) {
  std::size_t bytes = 0;
  for (std::size_t taken = 0; bytes < word.size(); ++bytes) {
    if (BeginsCharacter(word[bytes]) && taken++ == width) {
      break;
    }
  }
  std::string taken(word.substr(0, bytes));
  word.remove_prefix(bytes);
  return taken;
}

}  // namespace

std::string TextTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      absl::StrAppend(&line, "  ", i == 0 ? "" : padding, row[i],
                      i == 0 ? padding : "");
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string TextParagraph(absl::string_view label, absl::string_view text) {
  std::string result = WithoutControls(label);
  std::string rest = WithoutControls(text);
  if (Width(result) >= kTextColumn) {
    rest = absl::StrCat(result, " ", rest);
    result.clear();
  }
  result.append(kTextColumn - Width(result), ' ');
  const std::string new_line =
      absl::StrCat("\n", std::string(kTextColumn, ' '));
  std::size_t column = kTextColumn;
  for (absl::string_view word : absl::StrSplit(rest, ' ', absl::SkipEmpty())) {
    if (column > kTextColumn) {
      const bool fits = column + 1 + Width(word) <= kColumns;
      absl::StrAppend(&result, fits ? " " : new_line);
      column = fits ? column + 1 : kTextColumn;
    }
    while (column + Width(word) > kColumns) {
      absl::StrAppend(&result, TakeColumns(word, kColumns - column), new_line);
      column = kTextColumn;
    }
    absl::StrAppend(&result, word);
    column += Width(word);
  }
  return absl::StrCat(result, "\n");
}

}  // namespace attention::load
