#ifndef CORE_BASE_ROUND_UP_H_
#define CORE_BASE_ROUND_UP_H_

#include <type_traits>

namespace attention {

// The least multiple of `multiple`, which is positive, that is not below
// `value`, which is not negative.
template <typename T>
constexpr T RoundUp(T value, std::type_identity_t<T> multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace attention

#endif  // CORE_BASE_ROUND_UP_H_
