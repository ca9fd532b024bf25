// How far a computed tensor is from what it should be.
#ifndef TESTS_SUPPORT_TENSOR_ERRORS_H_
#define TESTS_SUPPORT_TENSOR_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor/dtype.h"

namespace attention {

// The element that is furthest off.
struct LargestError {
  // |got - expected| / largest finite magnitude in `expected`, which counts as
  // `least_magnitude` at least. Infinite when one of the two is NaN or infinite
  // and the other is something else.
  double relative = 0;
  std::int64_t index = 0;
  double expected = 0;
  double got = 0;

  // "3.1e-07 at [17]: expected 0.25, got 0.2500001".
  std::string ToString() const;
};

// Both have the same size.
LargestError CompareTensors(std::span<const double> expected,
                            std::span<const double> got,
                            double least_magnitude = 0);

// Half the distance from 1 to the next number of `dtype`: what rounding a
// number to that type may change it by, relative to the number.
double UnitRoundoff(DType dtype);

// `count` elements of kF32, kF16 or kBF16 at `data`.
std::vector<double> ToDoubles(const std::byte* data, DType dtype,
                              std::int64_t count);

}  // namespace attention

#endif  // TESTS_SUPPORT_TENSOR_ERRORS_H_
