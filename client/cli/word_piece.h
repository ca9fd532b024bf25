// BERT's WordPiece: words as pieces of a vocabulary.
#ifndef CLIENT_CLI_WORD_PIECE_H_
#define CLIENT_CLI_WORD_PIECE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace attention {

// One piece of a text: "##ed" continues the piece before it.
struct Token {
  std::string piece{};
  std::int64_t id = 0;
};

// Immutable after creation; thread-safe.
class WordPiece {
 public:
  // `vocabulary` has one piece a line; the line is its id. InvalidArgument
  // without [UNK], [CLS] and [SEP].
  static absl::StatusOr<WordPiece> Create(absl::string_view vocabulary);

  // [CLS], the longest pieces that match from left to right, [SEP]. A word that
  // cannot be made of pieces is [UNK].
  std::vector<Token> Tokenize(absl::string_view text) const;

 private:
  WordPiece() = default;

  void AppendWord(absl::string_view word, std::vector<Token>& tokens) const;
  Token Special(const std::string& piece) const;

  std::unordered_map<std::string, std::int64_t> ids_;
};

}  // namespace attention

#endif  // CLIENT_CLI_WORD_PIECE_H_
