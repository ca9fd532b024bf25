// Random numbers that are the same with every standard library.
#include "client/load/draws.h"

#include <limits>

namespace attention::load {
namespace {

// The sum of the 16-bit numbers of a draw, each uniform in [0, 2^16).
std::int32_t SumOfQuarters(std::uint64_t bits) {
  return static_cast<std::int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                   (bits >> 32 & 0xFFFF) + (bits >> 48));
}

constexpr std::int32_t kMeanOfSum = 2 * 0xFFFF;
// Of the sum of 4: sqrt(4 * (2^32 - 1) / 12). That of 12 is sqrt(2^32 - 1).
constexpr float kDeviationOf4 = 37837.227F;
constexpr double kDeviationOf12 = 65536;

}  // namespace

std::uint64_t Draws::Below(std::uint64_t count) {
  // Draws of the last, incomplete, round of `count` would favour low numbers.
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t rounds_end = kMax - kMax % count;
  std::uint64_t bits = Bits();
  while (bits >= rounds_end) {
    bits = Bits();
  }
  return bits % count;
}

double Draws::Unit() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

float Draws::Value() {
  return static_cast<float>(SumOfQuarters(Bits()) - kMeanOfSum) / kDeviationOf4;
}

double Draws::Normal() {
  std::int32_t sum = 0;
  for (int i = 0; i < 3; ++i) {
    sum += SumOfQuarters(Bits()) - kMeanOfSum;
  }
  return sum / kDeviationOf12;
}

}  // namespace attention::load
