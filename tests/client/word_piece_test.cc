// Proves the tokenizer: how text becomes words, and words pieces. Expected
// pieces follow from BERT's rules by hand; those of real sentences are in
// demo_embeddings_test.cc.
#include "client/cli/word_piece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/text_words.h"

namespace attention {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Pieces(absl::string_view text) {
  const auto word_piece = WordPiece::Create(
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\nthe\ntrophy\n,\n");
  EXPECT_TRUE(word_piece.ok()) << word_piece.status();
  std::vector<std::string> pieces;
  for (const Token& token : word_piece->Tokenize(text)) {
    pieces.push_back(token.piece);
  }
  return pieces;
}

TEST(SplitWordsTest, SplitsAtSpaceAndAroundPunctuation) {
  EXPECT_THAT(
      SplitWords(" it's\tnot-so\nbad... "),
      ElementsAre("it", "'", "s", "not", "-", "so", "bad", ".", ".", "."));
}

TEST(SplitWordsTest, DropsCaseAndAccents) {
  EXPECT_THAT(SplitWords("Ça Dvořák ÅNGSTRÖM naïve"),
              ElementsAre("ca", "dvorak", "angstrom", "naive"));
}

TEST(SplitWordsTest, DropsAccentsThatAreCharactersOfTheirOwn) {
  EXPECT_THAT(SplitWords("cafe\xcc\x81"), ElementsAre("cafe"));
}

TEST(SplitWordsTest, KeepsLettersWithoutABase) {
  EXPECT_THAT(SplitWords("Øl Straße Łódź ÆON"),
              ElementsAre("øl", "straße", "łodz", "æon"));
}

TEST(SplitWordsTest, LowersGreekAndCyrillic) {
  EXPECT_THAT(SplitWords("ΑΩ МИР"), ElementsAre("αω", "мир"));
}

TEST(SplitWordsTest, SplitsTypographicPunctuationAndCjk) {
  EXPECT_THAT(SplitWords("“a”—b…猫犬"),
              ElementsAre("“", "a", "”", "—", "b", "…", "猫", "犬"));
}

TEST(SplitWordsTest, DropsControlCharactersAndInvalidBytes) {
  EXPECT_THAT(SplitWords(absl::string_view("a\0b\x01\xff\xc3(\x80", 8)),
              ElementsAre("ab", "("));
}

TEST(SplitWordsTest, DropsATruncatedCharacterAtTheEnd) {
  EXPECT_THAT(SplitWords("a\xe2\x80"), ElementsAre("a"));
}

TEST(WordPieceTest, TakesTheLongestPieceFirst) {
  EXPECT_THAT(Pieces("unaffable"),
              ElementsAre("[CLS]", "un", "##aff", "##able", "[SEP]"));
}

TEST(WordPieceTest, GivesUnknownForAWordThatPiecesCannotMake) {
  EXPECT_THAT(Pieces("the unx, Trophy"),
              ElementsAre("[CLS]", "the", "[UNK]", ",", "trophy", "[SEP]"));
}

TEST(WordPieceTest, GivesUnknownForAnEndlessWord) {
  EXPECT_THAT(Pieces("un" + std::string(300, 'a')),
              ElementsAre("[CLS]", "[UNK]", "[SEP]"));
}

TEST(WordPieceTest, GivesTwoTokensForNothing) {
  EXPECT_THAT(Pieces(""), ElementsAre("[CLS]", "[SEP]"));
}

TEST(WordPieceTest, NumbersPiecesByTheirLine) {
  const auto word_piece = WordPiece::Create("[UNK]\n[CLS]\n[SEP]\nthe");
  ASSERT_TRUE(word_piece.ok()) << word_piece.status();

  EXPECT_EQ(word_piece->Tokenize("the")[1].id, 3);
}

TEST(WordPieceTest, RefusesAVocabularyWithoutSpecialPieces) {
  EXPECT_EQ(WordPiece::Create("the\na\n").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attention
