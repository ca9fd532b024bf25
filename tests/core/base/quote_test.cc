// Proves that text from outside cannot break or fill a message.
#include "core/base/quote.h"

#include <string>

#include "gtest/gtest.h"

namespace attention {
namespace {

TEST(QuoteTest, PlainTextIsQuoted) {
  EXPECT_EQ(Quote("bert/0"), "\"bert/0\"");
  EXPECT_EQ(Quote(""), "\"\"");
}

TEST(QuoteTest, WhatIsNotPlainIsEscaped) {
  EXPECT_EQ(Quote("a\nb\"c"), "\"a\\nb\\\"c\"");
  // Not UTF-8.
  EXPECT_EQ(Quote("\xff"), "\"\\xff\"");
}

// The longest name of a model is shown whole.
TEST(QuoteTest, LongTextIsCut) {
  EXPECT_EQ(Quote(std::string(128, 'x')), "\"" + std::string(128, 'x') + "\"");
  EXPECT_EQ(Quote(std::string(129, 'x')),
            "\"" + std::string(128, 'x') + "...\"");
}

}  // namespace
}  // namespace attention
