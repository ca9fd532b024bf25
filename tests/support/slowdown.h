// How many times slower a sanitizer may make a program. Limits of time that the
// work of a test can reach are multiplied by it.
#ifndef TESTS_SUPPORT_SLOWDOWN_H_
#define TESTS_SUPPORT_SLOWDOWN_H_

namespace attention {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kSlowdown = 30;
#else
inline constexpr int kSlowdown = 1;
#endif

}  // namespace attention

#endif  // TESTS_SUPPORT_SLOWDOWN_H_
