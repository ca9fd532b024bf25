// Draws the lengths of sequences.
#include "client/load/length_draw.h"

#include <algorithm>
#include <cmath>

namespace attention::load {
namespace {

// The standard normal distribution function.
double Phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// Mean of max(1, min(X, max)), where ln X is normal with `mu` and `sigma`:
// the part that is cut at 1, the part between, the part that is cut at max.
double MeanAfterCut(double mu, double sigma, double max) {
  const double low = -mu / sigma;
  const double high = (std::log(max) - mu) / sigma;
  return Phi(low) +
         std::exp(mu + sigma * sigma / 2) *
             (Phi(high - sigma) - Phi(low - sigma)) +
         max * Phi(-high);
}

// The mean grows with mu, so mu is found by halving.
double FindMu(const Lengths& lengths) {
  const auto max = static_cast<double>(lengths.max);
  // Six deviations are all that Draws::Normal knows.
  double low = -6 * lengths.sigma;
  double high = std::log(max) + 6 * lengths.sigma;
  constexpr int kHalvings = 60;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    const bool too_low =
        MeanAfterCut(middle, lengths.sigma, max) < lengths.mean;
    (too_low ? low : high) = middle;
  }
  return high;
}

}  // namespace

LengthDraw::LengthDraw(const Lengths& lengths) : lengths_(lengths) {
  if (lengths.kind == Lengths::Kind::kLogNormal) {
    mu_ = FindMu(lengths);
  }
}

std::int64_t LengthDraw::Next(Draws& draws) const {
  switch (lengths_.kind) {
    case Lengths::Kind::kFixed:
      break;
    case Lengths::Kind::kLogNormal: {
      const double drawn = std::exp(mu_ + lengths_.sigma * draws.Normal());
      return static_cast<std::int64_t>(std::clamp(
          std::round(drawn), 1.0, static_cast<double>(lengths_.max)));
    }
    case Lengths::Kind::kListed:
      return lengths_.listed[draws.Below(lengths_.listed.size())];
  }
  return lengths_.value;
}

}  // namespace attention::load
