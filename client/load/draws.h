// Random numbers that are the same with every standard library.
#ifndef CLIENT_LOAD_DRAWS_H_
#define CLIENT_LOAD_DRAWS_H_

#include <cstdint>
#include <random>

namespace attention::load {

// The standard fixes what std::mt19937_64 gives, but not what distributions
// make of it: these are made here, in whole numbers as far as possible.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : random_(seed) {}

  std::uint64_t Bits() { return random_(); }

  // Uniform in [0, count). REQUIRES: count > 0.
  std::uint64_t Below(std::uint64_t count);

  // Uniform in [0, 1), a multiple of 2^-53.
  double Unit();

  // Mean 0, variance 1, never beyond 3.5: a sum of 4 uniform numbers, made of
  // one draw. Near enough to normal for inputs of attention.
  float Value();

  // The same of 12, whose tails go to 6.
  double Normal();

 private:
  std::mt19937_64 random_;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_DRAWS_H_
