// Text as BERT sees it before its vocabulary: lower case, without accents,
// split into words and punctuation.
#include "client/cli/text_words.h"

#include <cstdint>
#include <utility>

namespace attention {
namespace {

constexpr char32_t kInvalid = 0xFFFD;

// U+00C0 to U+017F: the base letter in lower case, '.' where there is none.
constexpr char32_t kFirstAccented = 0xC0;
constexpr absl::string_view kBaseLetters =
    "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
    "aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll.."
    "..nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.";

// Takes one character off the front; kInvalid for bytes that are not UTF-8.
char32_t TakeCharacter(absl::string_view& text) {
  const auto byte = [&text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  std::size_t size = 1;
  char32_t c = first;
  if (first >= 0xF0 && first < 0xF5) {
    size = 4;
    c = first & 0x07U;
  } else if (first >= 0xE0) {
    size = 3;
    c = first & 0x0FU;
  } else if (first >= 0xC2) {
    size = 2;
    c = first & 0x1FU;
  } else if (first >= 0x80) {
    c = kInvalid;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      text.remove_prefix(1);
      return kInvalid;
    }
    c = c << 6 | (byte(i) & 0x3FU);
  }
  text.remove_prefix(size);
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = c >= 0xD800 && c < 0xE000;
  return c < kSmallest[size] || surrogate || c > 0x10FFFF ? kInvalid : c;
}

void AppendUtf8(char32_t c, std::string& text) {
  const auto tail = [c](int shift) {
    return static_cast<char>(0x80U | (c >> shift & 0x3FU));
  };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0U | c >> 6);
    text += tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0U | c >> 12);
    text += tail(6);
    text += tail(0);
  } else {
    text += static_cast<char>(0xF0U | c >> 18);
    text += tail(12);
    text += tail(6);
    text += tail(0);
  }
}

bool IsIn(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

bool IsSpace(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0 ||
         c == 0x1680 || IsIn(c, 0x2000, 0x200A) || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool IsDropped(char32_t c) {
  return c < 0x20 || IsIn(c, 0x7F, 0x9F) || c == 0xAD || c == kInvalid ||
         IsIn(c, 0x200B, 0x200F) || IsIn(c, 0x2028, 0x202E) ||
         IsIn(c, 0x2060, 0x2064) || c == 0xFEFF ||
         IsIn(c, 0x300, 0x36F);  // combining accents
}

bool IsPunctuation(char32_t c) {
  // ASCII counts as punctuation what is neither letter, digit nor space.
  if (c < 0x80) {
    return IsIn(c, '!', '/') || IsIn(c, ':', '@') || IsIn(c, '[', '`') ||
           IsIn(c, '{', '~');
  }
  return c == 0xA1 || c == 0xA7 || c == 0xAB || c == 0xB6 || c == 0xB7 ||
         c == 0xBB || c == 0xBF || IsIn(c, 0x2010, 0x2027) ||
         IsIn(c, 0x2030, 0x205E) || IsIn(c, 0x3001, 0x3003) ||
         IsIn(c, 0x3008, 0x3011) || IsIn(c, 0xFF01, 0xFF0F) ||
         IsIn(c, 0xFF1A, 0xFF20);
}

bool IsCjk(char32_t c) {
  return IsIn(c, 0x4E00, 0x9FFF) || IsIn(c, 0x3400, 0x4DBF) ||
         IsIn(c, 0xF900, 0xFAFF) || IsIn(c, 0x20000, 0x2FA1F);
}

char32_t LowerWithoutAccent(char32_t c) {
  if (IsIn(c, 'A', 'Z')) {
    return c + ('a' - 'A');
  }
  if (IsIn(c, kFirstAccented, kFirstAccented + kBaseLetters.size() - 1)) {
    const char base = kBaseLetters[c - kFirstAccented];
    if (base != '.') {
      return static_cast<char32_t>(base);
    }
    // What is left: pairs of ligatures and barred letters.
    if (IsIn(c, 0xC0, 0xDE) && c != 0xD7) {
      return c + 0x20;
    }
    const bool even_is_upper = IsIn(c, 0x110, 0x137) || IsIn(c, 0x14A, 0x177);
    const bool odd_is_upper = IsIn(c, 0x139, 0x148);
    if ((even_is_upper && c % 2 == 0) || (odd_is_upper && c % 2 == 1)) {
      return c + 1;
    }
    return c;
  }
  if (IsIn(c, 0x391, 0x3A9) || IsIn(c, 0x410, 0x42F)) {
    return c + 0x20;
  }
  return IsIn(c, 0x400, 0x40F) ? c + 0x50 : c;
}

}  // namespace

std::vector<std::string> SplitWords(absl::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) {
      words.push_back(std::exchange(word, std::string()));
    }
  };
  while (!text.empty()) {
    const char32_t c = TakeCharacter(text);
    if (IsSpace(c)) {
      finish();
    } else if (IsDropped(c)) {
      continue;
    } else if (IsPunctuation(c) || IsCjk(c)) {
      finish();
      AppendUtf8(c, word);
      finish();
    } else {
      AppendUtf8(LowerWithoutAccent(c), word);
    }
  }
  finish();
  return words;
}

}  // namespace attention
