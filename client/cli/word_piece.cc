// BERT's WordPiece: words as pieces of a vocabulary.
#include "client/cli/word_piece.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/text_words.h"

namespace attention {
namespace {

// As in BERT: longer words are not worth the search.
constexpr std::size_t kMaxWordBytes = 200;

}  // namespace

absl::StatusOr<WordPiece> WordPiece::Create(absl::string_view vocabulary) {
  WordPiece result;
  std::int64_t id = 0;
  for (const absl::string_view line : absl::StrSplit(vocabulary, '\n')) {
    result.ids_.emplace(line, id++);
  }
  for (const char* piece : {"[UNK]", "[CLS]", "[SEP]"}) {
    if (!result.ids_.contains(piece)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the vocabulary lacks ", piece));
    }
  }
  return result;
}

std::vector<Token> WordPiece::Tokenize(absl::string_view text) const {
  std::vector<Token> tokens = {Special("[CLS]")};
  for (const std::string& word : SplitWords(text)) {
    AppendWord(word, tokens);
  }
  tokens.push_back(Special("[SEP]"));
  return tokens;
}

void WordPiece::AppendWord(absl::string_view word,
                           std::vector<Token>& tokens) const {
  std::vector<Token> pieces;
  absl::string_view rest = word;
  while (!rest.empty() && word.size() <= kMaxWordBytes) {
    const absl::string_view prefix = pieces.empty() ? "" : "##";
    auto found = ids_.end();
    // A piece that ends inside a character is in no vocabulary.
    std::size_t length = rest.size();
    for (; length > 0 && found == ids_.end(); --length) {
      found = ids_.find(absl::StrCat(prefix, rest.substr(0, length)));
    }
    if (found == ids_.end()) {
      break;
    }
    pieces.push_back({.piece = found->first, .id = found->second});
    rest.remove_prefix(length + 1);
  }
  if (!rest.empty()) {
    pieces = {Special("[UNK]")};
  }
  tokens.insert(tokens.end(), pieces.begin(), pieces.end());
}

Token WordPiece::Special(const std::string& piece) const {
  return {.piece = piece, .id = ids_.at(piece)};
}

}  // namespace attention
