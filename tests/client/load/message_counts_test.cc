// Shows that what servers say is counted by what it says, not by the numbers in
// it, and that the list stays short whatever is said.
#include "client/load/message_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace attention::load {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

// "message a", "message b" and so on.
std::string MessageOf(int number) {
  return std::string("message ") + static_cast<char>('a' + number);
}

TEST(MessageCountsTest, TextsThatDifferInNumbersCountAsTheFirst) {
  MessageCounts counts;
  counts.Add("queue: 1048550 tokens wait and the request has 17", 1);
  counts.Add("queue: 99 tokens wait and the request has 3", 1);
  counts.Add("queue: 99 tokens wait", 1);

  EXPECT_THAT(
      counts.MostFrequent(),
      ElementsAre(Pair("queue: 1048550 tokens wait and the request has 17", 2),
                  Pair("queue: 99 tokens wait", 1)));
}

TEST(MessageCountsTest, NumbersAreNoWordsAndWordsAreNoNumbers) {
  MessageCounts counts;
  counts.Add("1", 1);
  counts.Add("23", 1);
  counts.Add("1 2", 1);
  counts.Add("x", 1);

  EXPECT_THAT(counts.MostFrequent(),
              ElementsAre(Pair("1", 2), Pair("1 2", 1), Pair("x", 1)));
}

TEST(MessageCountsTest, TheTenMostFrequentAreNamedAndTheOthersCounted) {
  MessageCounts counts;
  for (int message = 0; message < 20; ++message) {
    counts.Add(MessageOf(message), message + 1);
  }
  const auto most = counts.MostFrequent();

  ASSERT_THAT(most, SizeIs(11));
  EXPECT_EQ(most.at("message t"), 20);
  EXPECT_EQ(most.at("message k"), 11);
  EXPECT_EQ(most.at("others"), 10 * 11 / 2);
}

// However often lists are put together, there are ten and the others, which
// take no place of the ten.
TEST(MessageCountsTest, ListsOfListsStayShort) {
  MessageCounts all;
  for (int list = 0; list < 5; ++list) {
    MessageCounts counts;
    for (int message = 0; message < 12; ++message) {
      counts.Add(MessageOf(list + message), 1);
    }
    all.Add(counts.MostFrequent());
  }
  const auto most = all.MostFrequent();

  EXPECT_THAT(most, SizeIs(11));
  std::int64_t sum = 0;
  for (const auto& [text, count] : most) {
    sum += count;
  }
  EXPECT_EQ(sum, 5 * 12);
}

TEST(MessageCountsTest, CountsOfLanesAddUp) {
  MessageCounts a;
  a.Add("gone 1", 2);
  MessageCounts b;
  b.Add("gone 2", 3);
  b.Add("late", 1);
  a.Add(b);

  EXPECT_THAT(a.MostFrequent(),
              ElementsAre(Pair("gone 1", 5), Pair("late", 1)));
}

TEST(MessageCountsTest, AWrongAnswerIsShownHoweverRare) {
  MessageCounts counts;
  for (int message = 0; message < 20; ++message) {
    counts.Add(MessageOf(message), 100);
  }
  counts.Add("wrong answer: contexts[0] is 0, must be 1", 1);
  const auto most = counts.MostFrequent();

  EXPECT_EQ(most.at("wrong answer: contexts[0] is 0, must be 1"), 1);
  EXPECT_EQ(most.at("others"), 11 * 100);
}

// A server that says something else each time costs no more than 1,000 texts.
TEST(MessageCountsTest, TheThousandAndFirstTextIsOneOfTheOthers) {
  MessageCounts counts;
  for (int length = 1; length <= 1500; ++length) {
    counts.Add(std::string(static_cast<std::size_t>(length), 'x'), 1);
  }
  counts.Add("x", 1);

  EXPECT_EQ(counts.MostFrequent().at("x"), 2);
  EXPECT_EQ(counts.MostFrequent().at("others"), 1500 - 10);
}

}  // namespace
}  // namespace attention::load
