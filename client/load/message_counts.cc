// What was said instead of an answer, and how often.
#include "client/load/message_counts.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace attention::load {
namespace {

// Texts that are shown, and that are told apart.
constexpr std::size_t kMaxShown = 10;
constexpr std::size_t kMaxKnown = 1000;
constexpr char kOthers[] = "others";

// `text` with 0 for each run of digits.
std::string WithoutNumbers(const std::string& text) {
  std::string result;
  bool is_in_number = false;
  for (const char c : text) {
    const bool is_digit = absl::ascii_isdigit(static_cast<unsigned char>(c));
    if (!is_digit) {
      result += c;
    } else if (!is_in_number) {
      result += '0';
    }
    is_in_number = is_digit;
  }
  return result;
}

}  // namespace

void MessageCounts::Add(const std::string& text, std::int64_t count) {
  std::string key = WithoutNumbers(text);
  auto known = counts_.find(key);
  if (known == counts_.end()) {
    const bool has_room = counts_.size() < kMaxKnown;
    known = has_room ? counts_.try_emplace(std::move(key), Count{text}).first
                     : counts_.try_emplace(kOthers, Count{kOthers}).first;
  }
  known->second.count += count;
}

void MessageCounts::Add(const std::map<std::string, std::int64_t>& counts) {
  for (const auto& [text, count] : counts) {
    Add(text, count);
  }
}

void MessageCounts::Add(const MessageCounts& other) {
  for (const auto& [key, known] : other.counts_) {
    Add(known.text, known.count);
  }
}

std::map<std::string, std::int64_t> MessageCounts::MostFrequent() const {
  std::vector<Count> sorted;
  for (const auto& [key, known] : counts_) {
    if (key != kOthers) {
      sorted.push_back(known);
    }
  }
  const auto rank = [](const Count& known) {
    return std::tuple(!absl::StartsWith(known.text, kWrongAnswer), -known.count,
                      known.text);
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](const Count& a, const Count& b) { return rank(a) < rank(b); });
  std::map<std::string, std::int64_t> most;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    most[i < kMaxShown ? sorted[i].text : kOthers] += sorted[i].count;
  }
  if (const auto others = counts_.find(kOthers); others != counts_.end()) {
    most[kOthers] += others->second.count;
  }
  return most;
}

}  // namespace attention::load
