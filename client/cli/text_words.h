// Text as BERT sees it before its vocabulary: lower case, without accents,
// split into words and punctuation.
#ifndef CLIENT_CLI_TEXT_WORDS_H_
#define CLIENT_CLI_TEXT_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace attention {

// Splits UTF-8 text at white space and around every punctuation mark and CJK
// character. Latin letters (to U+017F) lose their case and accents, Greek and
// Cyrillic ones their case. Control characters and invalid bytes are dropped.
std::vector<std::string> SplitWords(absl::string_view text);

}  // namespace attention

#endif  // CLIENT_CLI_TEXT_WORDS_H_
