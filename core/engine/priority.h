// Who goes first of the requests that wait.
#ifndef CORE_ENGINE_PRIORITY_H_
#define CORE_ENGINE_PRIORITY_H_

#include <cstdint>

namespace attention {

// A request has a priority of 1 (goes first) to kPriorityLevels (goes last), or
// 0, which is kDefaultPriority.
inline constexpr std::uint64_t kPriorityLevels = 5;
inline constexpr std::uint64_t kDefaultPriority = 3;

}  // namespace attention

#endif  // CORE_ENGINE_PRIORITY_H_
