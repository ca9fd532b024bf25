// What was said instead of an answer, and how often.
#ifndef CLIENT_LOAD_MESSAGE_COUNTS_H_
#define CLIENT_LOAD_MESSAGE_COUNTS_H_

#include <cstdint>
#include <map>
#include <string>

namespace attention::load {

// What the text of a wrong answer begins with.
inline constexpr char kWrongAnswer[] = "wrong answer: ";

// Texts that differ in nothing but numbers, as those of a queue that is full,
// count as one: the first. However many there are, it stays small.
class MessageCounts {
 public:
  void Add(const std::string& text, std::int64_t count);
  void Add(const std::map<std::string, std::int64_t>& counts);
  void Add(const MessageCounts& other);

  // The ten most frequent by their texts, and the sum of all others as
  // "others". A wrong answer, however rare, is none of the others.
  std::map<std::string, std::int64_t> MostFrequent() const;

 private:
  struct Count {
    std::string text{};
    std::int64_t count = 0;
  };

  std::map<std::string, Count> counts_;  // by the text without its numbers
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_MESSAGE_COUNTS_H_
