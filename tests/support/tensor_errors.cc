// How far a computed tensor is from what it should be.
#include "tests/support/tensor_errors.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"
#include "core/tensor/convert_dtype.h"

namespace attention {
namespace {

double Magnitude(std::span<const double> tensor) {
  double magnitude = 0;
  for (const double value : tensor) {
    if (std::isfinite(value)) magnitude = std::max(magnitude, std::abs(value));
  }
  return magnitude;
}

// 0 / 0 is no error: both are zeros.
double RelativeError(double expected, double got, double magnitude) {
  if (expected == got || (std::isnan(expected) && std::isnan(got))) return 0;
  const double error = std::abs(got - expected) / magnitude;
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

}  // namespace

std::string LargestError::ToString() const {
  return absl::StrFormat("%.1e at [%d]: expected %.9g, got %.9g", relative,
                         index, expected, got);
}

LargestError CompareTensors(std::span<const double> expected,
                            std::span<const double> got,
                            double least_magnitude) {
  const double magnitude = std::max(Magnitude(expected), least_magnitude);
  LargestError largest;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double relative = RelativeError(expected[i], got[i], magnitude);
    if (relative > largest.relative) {
      largest = {relative, static_cast<std::int64_t>(i), expected[i], got[i]};
    }
  }
  return largest;
}

double UnitRoundoff(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return std::ldexp(1.0, -11);
    case DType::kBF16:
      return std::ldexp(1.0, -8);
    default:
      return std::ldexp(1.0, -24);
  }
}

std::vector<double> ToDoubles(const std::byte* data, DType dtype,
                              std::int64_t count) {
  std::vector<float> floats(static_cast<std::size_t>(count));
  ConvertToF32(data, dtype, count, floats.data());
  return std::vector<double>(floats.begin(), floats.end());
}

}  // namespace attention
