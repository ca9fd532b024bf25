// Text for a terminal of 80 columns: tables, and paragraphs.
#ifndef CLIENT_LOAD_TEXT_TABLE_H_
#define CLIENT_LOAD_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace attention::load {

// Rows as lines, the first column flush left, the others flush right under one
// another, two blanks before each. Cells are ours: they are not checked.
std::string TextTable(const std::vector<std::vector<std::string>>& rows);

// `text` after `label`, in lines of at most 80 columns that begin under it; a
// label of more than 13 columns becomes the beginning of the text.
// The text may come from anywhere: what a terminal would obey is replaced.
std::string TextParagraph(absl::string_view label, absl::string_view text);

}  // namespace attention::load

#endif  // CLIENT_LOAD_TEXT_TABLE_H_
