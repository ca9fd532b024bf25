// Draws the lengths of sequences.
#ifndef CLIENT_LOAD_LENGTH_DRAW_H_
#define CLIENT_LOAD_LENGTH_DRAW_H_

#include <cstdint>

#include "client/load/draws.h"
#include "client/load/workload.h"

namespace attention::load {

class LengthDraw {
 public:
  // `lengths` as ParseWorkload gives them; they outlive this.
  explicit LengthDraw(const Lengths& lengths);

  // At least 1. Lognormal lengths are rounded, then what is below 1 becomes 1
  // and what is above max becomes max, as tokenizers cut texts. The mean is
  // that of what is drawn, the cut included, within half a token.
  std::int64_t Next(Draws& draws) const;

 private:
  const Lengths& lengths_;
  double mu_ = 0;  // mean of the logarithm, kLogNormal only
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_LENGTH_DRAW_H_
